# An administrator has put files there, without a package of Debian's and without diversions.
cp target/release/fence_ipmilan /usr/sbin/fence_ilo4
ln -s /repository/target/release/fence_redfish /usr/sbin/fence_redfish
note
watch_names fence_ilo4 fence_redfish
dpkg --install "$ours"
are_native
dpkg --purge native-fence-agents
names_were_there
as_noted
is_purged
