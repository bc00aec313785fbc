# The catalogue of AWS's custom detection rules.
set(catalogue ${PROJECT_SOURCE_DIR}/data/rules/custom_detection_rules.toml)
add_custom_command(
  OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/rules_data.cpp
  COMMAND ${CMAKE_COMMAND} -DOUT=${CMAKE_CURRENT_BINARY_DIR}/rules_data.cpp
          "-DINPUTS=custom_detection_rules_toml=${catalogue}" -P ${PROJECT_SOURCE_DIR}/cmake/embed_text.cmake
  DEPENDS ${catalogue} ${PROJECT_SOURCE_DIR}/cmake/embed_text.cmake
  VERBATIM)
target_sources(picket_rules PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/rules_data.cpp)
