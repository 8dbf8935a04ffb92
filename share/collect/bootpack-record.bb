# Yocto: a recipe beside the files of this folder; add bootpack-record to IMAGE_INSTALL, and
# the kernel arguments of docs/collecting.md to APPEND.
SUMMARY = "Keeps what a boot reads from the disk, for bootpack"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"
SRC_URI = "file://bootpack-record.sh file://bootpack-record.service"
S = "${WORKDIR}"
inherit systemd allarch
SYSTEMD_SERVICE:${PN} = "bootpack-record.service"
RDEPENDS:${PN} = "gzip"

do_install() {
    install -D -m 0755 ${WORKDIR}/bootpack-record.sh ${D}${prefix}/local/sbin/bootpack-record
    install -D -m 0644 ${WORKDIR}/bootpack-record.service ${D}${systemd_system_unitdir}/bootpack-record.service
}
FILES:${PN} += "${prefix}/local/sbin"
