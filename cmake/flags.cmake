# Warnings, hardening and code generation, the same for every target.
add_library(picket_flags INTERFACE)
target_compile_options(picket_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Werror
  -ffp-contract=off  # Findings must not depend on which machine fuses multiply and add.
  -fPIE -fstack-protector-strong -fstack-clash-protection
  -ftrivial-auto-var-init=zero
  -pthread)  # as some libraries demand: a precompiled header serves only files compiled alike
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Designated initialisers of detector literals leave defaults out on purpose.
  # -Wrestrict, -Warray-bounds and -Wstringop-overflow misfire on std::string in GCC 12 (bugs 105651, 105329), and
  # what comes out of a precompiled header is not excused as a system header.
  target_compile_options(picket_flags INTERFACE -Wno-missing-field-initializers -Wno-restrict -Wno-array-bounds
                         -Wno-stringop-overflow -Wno-stringop-overread -fpch-preprocess)
else()
  # GCC 12's own std::stable_sort and std::inplace_merge use what its headers call deprecated.
  target_compile_options(picket_flags INTERFACE -Wno-missing-field-initializers -Wno-missing-designated-field-initializers
                         -Wno-deprecated-declarations)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(picket_flags INTERFACE -fcf-protection=full)
  if(PICKET_ARCH)
    target_compile_options(picket_flags INTERFACE -march=${PICKET_ARCH})
  endif()
endif()
find_program(MOLD mold)
if(MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_link_options(picket_flags INTERFACE -fuse-ld=mold)  # The same program, linked in a tenth of the time.
endif()
target_link_options(picket_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
if(PICKET_SANITIZE)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # With sanitizers GCC 12 takes fmt's and simdjson's buffers for uninitialised ones.
    target_compile_options(picket_flags INTERFACE -Wno-maybe-uninitialized -Wno-uninitialized)
  endif()
  target_compile_options(picket_flags INTERFACE -fsanitize=${PICKET_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(picket_flags INTERFACE -fsanitize=${PICKET_SANITIZE})
else()
  target_compile_definitions(picket_flags INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=3> _GLIBCXX_ASSERTIONS)
endif()
