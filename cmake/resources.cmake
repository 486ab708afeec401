# Version, icon and manifest of what we build for Windows, from resources/.
#
#   platter_resources(target NAME platter.exe DESCRIPTION "what Explorer shows" [DRIVER|LIBRARY])
#
# A program gets the icon as resource 1 and resources/platter.manifest (asInvoker, long paths, themed controls); a driver or
# a DLL gets its version only.
if(WIN32)
  enable_language(RC)
endif()

function(platter_resources target)
  if(NOT WIN32)
    return()
  endif()
  cmake_parse_arguments(arg "DRIVER;LIBRARY" "NAME;DESCRIPTION" "" ${ARGN})
  set(resources ${PROJECT_SOURCE_DIR}/resources)
  if(arg_DRIVER)
    set(file_type VFT_DRV)
    set(file_subtype VFT2_DRV_SYSTEM)
  elseif(arg_LIBRARY)
    set(file_type VFT_DLL)
    set(file_subtype VFT2_UNKNOWN)
  else()
    set(file_type VFT_APP)
    set(file_subtype VFT2_UNKNOWN)
    set(icon_line "1 ICON \"platter.ico\"")
    set(manifest_line "CREATEPROCESS_MANIFEST_RESOURCE_ID RT_MANIFEST \"platter.manifest\"")
  endif()
  set(rc ${CMAKE_CURRENT_BINARY_DIR}/${target}-version.rc)
  configure_file(${resources}/version.rc.in ${rc} @ONLY)
  # windres looks for the two in the include folders.
  set_source_files_properties(${rc} PROPERTIES
    INCLUDE_DIRECTORIES ${resources}
    OBJECT_DEPENDS "${resources}/platter.ico;${resources}/platter.manifest")
  target_sources(${target} PRIVATE ${rc})
endfunction()
