# The console of web/ in the binary: built by npm in the build directory, packed by tools/build_console.py.
set(PICKET_CONSOLE AUTO CACHE STRING "ON, OFF, or AUTO: the console is built where npm can")
set(console_files ${CMAKE_CURRENT_BINARY_DIR}/console_files.cpp)
file(GLOB_RECURSE console_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/web/src/* ${PROJECT_SOURCE_DIR}/web/public/*)
find_program(NPM npm)
if(PICKET_CONSOLE STREQUAL "AUTO" AND NOT NPM)
  message(WARNING "npm was not found: picket is built WITHOUT the web console (install nodejs and npm, or set PICKET_CONSOLE=OFF)")
endif()
set(mode ${PICKET_CONSOLE})
if(NOT NPM AND mode STREQUAL "AUTO")
  set(mode OFF)
endif()
add_custom_command(
  OUTPUT ${console_files}
  COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tools/build_console.py --mode ${mode} --root ${PROJECT_SOURCE_DIR}
          --work ${PROJECT_BINARY_DIR}/web --out ${console_files}
  DEPENDS ${PROJECT_SOURCE_DIR}/tools/build_console.py ${console_sources} ${PROJECT_SOURCE_DIR}/web/index.html
          ${PROJECT_SOURCE_DIR}/web/package.json ${PROJECT_SOURCE_DIR}/web/package-lock.json
          ${PROJECT_SOURCE_DIR}/src/store/filterable_attributes.inc ${PROJECT_SOURCE_DIR}/data/api/finding_types.json
          ${PROJECT_SOURCE_DIR}/web/tsconfig.json ${PROJECT_SOURCE_DIR}/web/vite.config.ts
  COMMENT "Building the web console"
  VERBATIM)
target_sources(picket PRIVATE ${console_files})
target_include_directories(picket PRIVATE ${PROJECT_SOURCE_DIR}/src)
