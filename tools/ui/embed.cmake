# Writes pages.cpp: every file of DIST, and openapi.json, as bytes of the program.
#
#   cmake -DDIST=… -DOPENAPI=… -DOUT=… -P embed.cmake
#
# .incbin lets the assembler read them: no large source, no slow compilation.
file(GLOB_RECURSE files RELATIVE "${DIST}" "${DIST}/*")
list(SORT files)
set(blobs "")
set(rows "")
set(number 0)
macro(embed path file)
  file(SHA256 "${file}" digest)
  string(APPEND blobs
    "// ${digest}\n"
    "asm(\".section .rodata\\n\"\n    \"artfs_page_${number}:\\n\"\n    \".incbin \\\"${file}\\\"\\n\"\n"
    "    \"artfs_page_${number}_end:\\n\"\n    \".byte 0\\n\"\n    \".previous\\n\");\n"
    "extern \"C\" const char artfs_page_${number}[];\nextern \"C\" const char artfs_page_${number}_end[];\n")
  string(APPEND rows
    "        {\"${path}\", {artfs_page_${number}, static_cast<std::size_t>(artfs_page_${number}_end - artfs_page_${number})}},\n")
  math(EXPR number "${number} + 1")
endmacro()
embed("/api/openapi.json" "${OPENAPI}")
foreach(file IN LISTS files)
  if(NOT file MATCHES "^\\.")
    embed("/${file}" "${DIST}/${file}")
  endif()
endforeach()
file(WRITE "${OUT}.new"
  "// Written by embed.cmake.\n#include \"ui/pages.h\"\n\n${blobs}\nnamespace artfs::ui {\n\n"
  "const std::vector<PageFile>& page_files() {\n    static const std::vector<PageFile> files{\n${rows}    };\n"
  "    return files;\n}\n\n}  // namespace artfs::ui\n")
file(COPY_FILE "${OUT}.new" "${OUT}" ONLY_IF_DIFFERENT)
file(REMOVE "${OUT}.new")
