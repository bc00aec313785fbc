# What learning starts from.
set(tactics ${PROJECT_SOURCE_DIR}/data/learning/api_tactics.csv)
add_custom_command(
  OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/learning_data.cpp
  COMMAND ${CMAKE_COMMAND} -DOUT=${CMAKE_CURRENT_BINARY_DIR}/learning_data.cpp
          "-DINPUTS=api_tactics_csv=${tactics}" -P ${PROJECT_SOURCE_DIR}/cmake/embed_text.cmake
  DEPENDS ${tactics} ${PROJECT_SOURCE_DIR}/cmake/embed_text.cmake
  VERBATIM)
target_sources(picket_state PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/learning_data.cpp)
