# The built-in indicator lists, in the order builtin_intel.cpp declares them.
set(lists aws_test_domains.csv tor_exit.txt sinkholes.csv mining.txt scanners.csv cdn.txt)
set(inputs)
set(paths)
foreach(list IN LISTS lists ITEMS feeds.toml)
  get_filename_component(name ${list} NAME_WE)
  list(APPEND inputs "intel_${name}=${PROJECT_SOURCE_DIR}/data/intel/${list}")
  list(APPEND paths ${PROJECT_SOURCE_DIR}/data/intel/${list})
endforeach()
list(JOIN inputs "|" inputs)
add_custom_command(
  OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/intel_data.cpp
  COMMAND ${CMAKE_COMMAND} -DOUT=${CMAKE_CURRENT_BINARY_DIR}/intel_data.cpp "-DINPUTS=${inputs}"
          -P ${PROJECT_SOURCE_DIR}/cmake/embed_text.cmake
  DEPENDS ${paths} ${PROJECT_SOURCE_DIR}/cmake/embed_text.cmake
  VERBATIM)
target_sources(picket_enrich PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/intel_data.cpp)
