# Tables of api/tables.h, generated from data/api into the build directory, and what the module needs besides.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(api_tables ${CMAKE_CURRENT_BINARY_DIR}/api_tables.cpp)
set(api_data ${PROJECT_SOURCE_DIR}/data/api)
add_custom_command(
  OUTPUT ${api_tables}
  COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tools/generate_api_tables.py ${api_data} > ${api_tables}
  DEPENDS ${PROJECT_SOURCE_DIR}/tools/generate_api_tables.py ${api_data}/guardduty.json
          ${api_data}/finding_types.json ${api_data}/sample_parts.json
  VERBATIM)
target_sources(picket_api PRIVATE ${api_tables})
if(PICKET_SANITIZE MATCHES "thread")
  # ThreadSanitizer does not know fences, and Asio's queues are locked anyway.
  target_compile_definitions(picket_api PRIVATE BOOST_ASIO_DISABLE_FENCED_BLOCK)
endif()
if(PICKET_SANITIZE)
  # Constant tables only; instrumented, they take minutes and gigabytes to compile.
  set_source_files_properties(${api_tables} PROPERTIES COMPILE_OPTIONS "-fno-sanitize=all;-g0" SKIP_PRECOMPILE_HEADERS ON)
endif()
