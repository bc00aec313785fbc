# Run with cmake -P: writes OUT, a .cpp that defines `extern const std::string_view picket::NAME` per file of
# INPUTS ("name=path", separated by "|"), so that the binary carries its data.
string(REPLACE "|" ";" pairs "${INPUTS}")
set(code "#include <string_view>\n#pragma GCC diagnostic ignored \"-Woverlength-strings\"\nnamespace picket {\n")
foreach(pair IN LISTS pairs)
  string(REGEX MATCH "^([a-z0-9_]+)=(.*)$" matched "${pair}")
  set(name ${CMAKE_MATCH_1})
  file(READ "${CMAKE_MATCH_2}" text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n\"" text "${text}")
  string(APPEND code "extern const std::string_view ${name};\nconst std::string_view ${name} =\n\"${text}\";\n")
endforeach()
file(WRITE "${OUT}" "${code}}  // namespace picket\n")
