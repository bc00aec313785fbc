# A module is one folder of src/: a static library picket_NAME from its .cpp files and, with
# PICKET_TESTS, a test program picket_test_NAME from its *_test.cpp files.
#   picket_module(NAME DEPENDS other modules or libraries …)

if(PICKET_TESTS)
  find_package(GTest REQUIRED)
endif()

# Headers that nearly every file reads, parsed once a build: parsing them took three quarters of its time. What
# clang builds (fuzzing) goes without, which shows a file that forgot an include.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  file(WRITE ${PROJECT_BINARY_DIR}/headers.cpp "")
  # A precompiled header serves only files that agree on the macros it looks at, used or not.
  target_link_libraries(picket_flags INTERFACE PkgConfig::SIMDJSON)
  set(headers <algorithm> <array> <cstdint> <expected> <functional> <map> <memory> <optional> <set> <span> <string>
              <string_view> <variant> <vector> <boost/unordered/unordered_flat_map.hpp> <fmt/format.h> <simdjson.h>)
  add_library(picket_headers OBJECT ${PROJECT_BINARY_DIR}/headers.cpp)
  target_link_libraries(picket_headers PRIVATE picket_flags fmt::fmt Boost::headers PkgConfig::SIMDJSON)
  target_precompile_headers(picket_headers PRIVATE ${headers})
  if(PICKET_TESTS)
    add_library(picket_test_headers OBJECT ${PROJECT_BINARY_DIR}/headers.cpp)
    target_link_libraries(picket_test_headers PRIVATE picket_flags fmt::fmt Boost::headers PkgConfig::SIMDJSON GTest::gmock)
    target_precompile_headers(picket_test_headers PRIVATE ${headers} <gmock/gmock.h>)
  endif()
endif()
function(picket_precompiled target headers)
  if(TARGET ${headers})
    target_precompile_headers(${target} REUSE_FROM ${headers})
  endif()
endfunction()

function(picket_module name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(TRANSFORM ARG_DEPENDS REPLACE "^([a-z0-9]+)$" "picket_\\1")
  if(sources)
    add_library(picket_${name} STATIC ${sources})
    picket_precompiled(picket_${name} picket_headers)
    set(scope PUBLIC)
  else()
    add_library(picket_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(picket_${name} ${scope} ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(picket_${name} ${scope} picket_flags ${ARG_DEPENDS})
  if(PICKET_TESTS AND tests)
    add_executable(picket_test_${name} ${tests})
    picket_precompiled(picket_test_${name} picket_test_headers)
    target_link_libraries(picket_test_${name} PRIVATE picket_${name} GTest::gmock GTest::gtest_main)
    target_compile_definitions(picket_test_${name} PRIVATE PICKET_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    add_test(NAME unit_${name} COMMAND picket_test_${name})
  endif()
endfunction()

# The module's binary carries these files: `extern const std::string_view picket::NAME` of each.
#   picket_embed(MODULE NAME=PATH …), paths below data/
function(picket_embed module)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${module}_data.cpp)
  set(inputs)
  set(paths)
  foreach(pair IN LISTS ARGN)
    string(REGEX MATCH "^([a-z0-9_]+)=(.*)$" matched "${pair}")
    list(APPEND paths ${PROJECT_SOURCE_DIR}/data/${CMAKE_MATCH_2})
    list(APPEND inputs "${CMAKE_MATCH_1}=${PROJECT_SOURCE_DIR}/data/${CMAKE_MATCH_2}")
  endforeach()
  list(JOIN inputs "|" inputs)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} "-DINPUTS=${inputs}" -P ${PROJECT_SOURCE_DIR}/cmake/embed_text.cmake
    DEPENDS ${paths} ${PROJECT_SOURCE_DIR}/cmake/embed_text.cmake
    VERBATIM)
  target_sources(picket_${module} PRIVATE ${out})
endfunction()
