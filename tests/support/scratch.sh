# For scripts that are run by root in a mount namespace of their own, with a folder of theirs in $folder.

# scratch PLACE…: what is written to these is forgotten.
scratch() {
    local place upper=$folder/upper
    mkdir -p "$upper"
    mount -t tmpfs tmpfs "$upper"
    for place in "$@"; do
        mkdir -p "$upper/$place/data" "$upper/$place/work"
        mount -t overlay overlay -o "lowerdir=$place,upperdir=$upper/$place/data,workdir=$upper/$place/work" "$place"
    done
}

# pcs and crmsh, which are unpacked only: as if they were installed.
install_cluster_shells() {
    cp -a "${PCS:?is set by ./tests/run}/usr/." "${CRMSH:?is set by ./tests/run}/usr/." /usr/
    mkdir -p /var/log/crmsh
}
