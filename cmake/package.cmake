# What is installed and where, and the Debian package that `cpack` makes of it. The documents are
# made at build time from the program's own tables (scripts/man).

include(GNUInstallDirs)

file(GLOB KVMRT_MAN_PAGES CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/docs/man/*")
set(KVMRT_MAN_DIR "${CMAKE_BINARY_DIR}/docs/man")
add_custom_command(OUTPUT "${CMAKE_BINARY_DIR}/docs/man.stamp"
  COMMAND "${CMAKE_SOURCE_DIR}/scripts/man" $<TARGET_FILE:kvmrt-keys> "${KVMRT_MAN_DIR}"
  COMMAND "${CMAKE_COMMAND}" -E touch "${CMAKE_BINARY_DIR}/docs/man.stamp"
  DEPENDS kvmrt-keys "${CMAKE_SOURCE_DIR}/scripts/man" ${KVMRT_MAN_PAGES}
  COMMENT "man pages and JSON Schemas")
add_custom_target(kvmrt_man ALL DEPENDS "${CMAKE_BINARY_DIR}/docs/man.stamp")

install(TARGETS kvmrt RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
# A command that is built has a man page, and the other way round (scripts/check-help), so the pages
# say which links there are to install.
set(links cpu-topology)
foreach(page IN LISTS KVMRT_MAN_PAGES)
  get_filename_component(name "${page}" NAME)
  if(name MATCHES "^(kvmrt-.*)\\.1$")
    list(APPEND links "${CMAKE_MATCH_1}")
  endif()
endforeach()
foreach(link IN LISTS links)
  install(FILES "${CMAKE_BINARY_DIR}/bin/${link}" DESTINATION "${CMAKE_INSTALL_BINDIR}")
endforeach()

set(KVMRT_UNIT_DIR "lib/systemd/system" CACHE STRING "where systemd units go, below the prefix")
install(FILES
    "${CMAKE_SOURCE_DIR}/scripts/systemd/kvmrt@.service"
    "${CMAKE_SOURCE_DIR}/scripts/systemd/kvmrt.target"
    "${CMAKE_SOURCE_DIR}/scripts/systemd/kvmrt-recover.service"
    "${CMAKE_SOURCE_DIR}/scripts/systemd/kvmrt-siblings.service"
  DESTINATION "${KVMRT_UNIT_DIR}")
install(FILES "${CMAKE_SOURCE_DIR}/scripts/systemd/kvmrt.conf" DESTINATION lib/tmpfiles.d)
# Empty: profiles are the administrator's. The program looks there whatever its prefix.
install(DIRECTORY DESTINATION "/etc/kvmrt")

install(DIRECTORY "${KVMRT_MAN_DIR}/man1" "${KVMRT_MAN_DIR}/man5" "${KVMRT_MAN_DIR}/man7"
  DESTINATION "${CMAKE_INSTALL_MANDIR}")
install(DIRECTORY "${KVMRT_MAN_DIR}/schema/" DESTINATION "${CMAKE_INSTALL_DATADIR}/kvmrt")
install(FILES "${CMAKE_SOURCE_DIR}/scripts/completion/kvmrt"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
# bash-completion loads the file that is named after the command.
foreach(link IN LISTS links)
  install(CODE "file(CREATE_LINK kvmrt
    \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/bash-completion/completions/${link}\" SYMBOLIC)")
endforeach()
file(GLOB examples "${CMAKE_SOURCE_DIR}/profiles/examples/*.yaml")
install(FILES ${examples} DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/kvmrt/examples")
file(GLOB documents "${CMAKE_SOURCE_DIR}/docs/*.md")
install(FILES "${CMAKE_SOURCE_DIR}/README.md" ${documents}
  DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/kvmrt")
install(FILES "${CMAKE_SOURCE_DIR}/scripts/debian/copyright"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/kvmrt")
install(FILES "${CMAKE_BINARY_DIR}/docs/changelog.gz"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/kvmrt")
add_custom_command(OUTPUT "${CMAKE_BINARY_DIR}/docs/changelog.gz"
  COMMAND sh -c "sed 's/@VERSION@/${PROJECT_VERSION}/' '${CMAKE_SOURCE_DIR}/scripts/debian/changelog.in' | gzip -9n > '${CMAKE_BINARY_DIR}/docs/changelog.gz'"
  DEPENDS "${CMAKE_SOURCE_DIR}/scripts/debian/changelog.in" VERBATIM)
add_custom_target(kvmrt_changelog ALL DEPENDS "${CMAKE_BINARY_DIR}/docs/changelog.gz")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME kvmrt)
set(CPACK_PACKAGE_VENDOR "kvmrt")
set(CPACK_PACKAGE_CONTACT "The kvmrt authors <kvmrt@localhost>")
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "real-time virtual machines without libvirt")
set(CPACK_PACKAGE_DESCRIPTION
"kvmrt reads a profile, takes the CPUs it names away from everything else on
the host, starts QEMU with its memory locked, puts every thread in its place,
proves that it is so, and only then lets the guest run. It supervises the
guest to completion and gives the host back as it was.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "qemu-system-x86")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "qemu-utils")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "linux-image-rt-amd64, ovmf, swtpm")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  "${CMAKE_SOURCE_DIR}/scripts/debian/postinst"
  "${CMAKE_SOURCE_DIR}/scripts/debian/prerm"
  "${CMAKE_SOURCE_DIR}/scripts/debian/postrm")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
include(CPack)
