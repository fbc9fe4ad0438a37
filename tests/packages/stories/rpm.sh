# The packages for rpm have the same files and programs.
# Folders that are everybody's there.
mkdir -p /usr/{lib/{heartbeat,ocf/resource.d},share/{fish/vendor_completions.d,licenses,zsh/site-functions}}
note
rpm --dbpath /tmp/rpm --install --nodeps target/packages/*.rpm
are_native
fences fence_ipmilan
fencectl --version
stonith-controller --version
rpm --dbpath /tmp/rpm --erase native-fence-agents fencectl stonith-controller bmc-sim
as_noted
# They take the place of Red Hat's for those, and need nothing newer than Red Hat 9 has.
agents=$(echo target/packages/native-fence-agents-*.rpm)
for name in fence-agents-ipmilan fence-agents-redfish; do
    rpm --query --package --conflicts "$agents" | grep -x "$name" >/dev/null
    rpm --query --package --provides "$agents" | grep -x "$name" >/dev/null
done
needed=$(rpm --query --package --requires target/packages/*.rpm | grep -o 'GLIBC_[0-9.]*' | sort --version-sort)
newest=${needed##*$'\n'}
[ "$newest" = GLIBC_2.34 ] || fail "needs $newest"
