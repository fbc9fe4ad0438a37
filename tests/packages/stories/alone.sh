# No package of Debian's agents is there.
note
dpkg --install target/packages/*.deb
are_native
brings_metadata
fences fence_ilo4
fences fence_redfish
fences setpriv --reuid 65534 --regid 65534 --clear-groups fence_ipmilan
fencectl --version
stonith-controller --version
bmc-sim quirks | grep IPMI >/dev/null
for name in fencectl fencectl-power; do [ -e "/usr/share/man/man8/$name.8.gz" ]; done
(. /usr/share/bash-completion/completions/fencectl)
# The files say whose they are, and under which licence.
maintainer=$(dpkg-deb --field "$ours" Maintainer)
for package in native-fence-agents fencectl stonith-controller bmc-sim; do
    grep -q Expat "/usr/share/doc/$package/copyright"
    gzip -cd "/usr/share/doc/$package/third-party-licences.gz" | grep '^zeroize ' >/dev/null
    gzip -cd "/usr/share/doc/$package/changelog.gz" | grep -F -- "-- $maintainer  " >/dev/null
    dpkg --verify "$package"
done

dpkg --install "$next"
are_native
dpkg --remove native-fence-agents fencectl stonith-controller bmc-sim
as_noted
dpkg --purge native-fence-agents fencectl stonith-controller bmc-sim
as_noted
is_purged
