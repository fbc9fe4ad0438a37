# The packages for rpm have the same files and programs.
# Folders that are everybody's there.
mkdir -p /usr/{lib/{heartbeat,ocf/resource.d},share/{fish/vendor_completions.d,licenses,zsh/site-functions}}
pretend_systemd
note
rpm --dbpath /tmp/rpm --install --nodeps target/packages/*.rpm
are_native
brings_metadata
fences fence_ipmilan
fencectl --version
stonith-controller --version
systemd_was_told daemon-reload
# As when a newer version is installed.
rpm --dbpath /tmp/rpm --reinstall --nodeps target/packages/*.rpm
systemd_was_told daemon-reload daemon-reload "try-restart $controllers"
rpm --dbpath /tmp/rpm --erase native-fence-agents fencectl stonith-controller bmc-sim
systemd_was_told "stop $controllers" daemon-reload
as_noted
# They take the place of Red Hat's for those, and need nothing newer than Red Hat 9 has.
agents=$(echo target/packages/native-fence-agents-*.rpm)
for name in fence-agents-ipmilan fence-agents-redfish; do
    rpm --query --package --conflicts "$agents" | grep -x "$name" >/dev/null
    rpm --query --package --provides "$agents" | grep -x "$name" >/dev/null
done
[ "$(rpm --query --package --queryformat '%{PACKAGER}' "$agents")" = "$(dpkg-deb --field "$ours" Maintainer)" ]
needed=$(rpm --query --package --requires target/packages/*.rpm | grep -o 'GLIBC_[0-9.]*' | sort --version-sort)
newest=${needed##*$'\n'}
[ "$newest" = GLIBC_2.34 ] || fail "needs $newest"
