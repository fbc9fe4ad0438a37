# The controller, as its unit starts it. Controllers that do not come up, or end, are not in the way of a version that would.
pretend_systemd
enabled=/etc/systemd/system/multi-user.target.wants
mkdir -p "$enabled"
mkdir -m 700 /etc/stonith-controller
printf 'agent = "fence_ipmilan"\nhostlist = "node1=bmc1"\n[parameters]\nusername = "admin"\npassword = "secret"\n' \
    >/etc/stonith-controller/rack1.toml
chmod 600 /etc/stonith-controller/rack1.toml
note
dpkg --install target/packages/stonith-controller_*.deb
systemd_was_told daemon-reload
unit=/usr/lib/systemd/system/stonith-controller@.service
mkdir -m 700 /run/stonith-controller
$(sed -n 's/^ExecStart=//p' "$unit" | sed 's/%i/rack1/g') &
daemon=$!
until [ -S /run/stonith-controller/rack1.sock ]; do
    kill -0 $daemon
    sleep 0.05
done
tell() { printf 'plug=node1\naction=%s\n' "$1" | fence_controller 2>&1 || [ $? = 2 ]; }
[ "$(tell off)" = 'Success: Powered OFF' ]
[ "$(tell status)" = 'Status: OFF' ]
[ "$(tell on)" = 'Success: Powered ON' ]
kill $daemon
wait $daemon

metadata=/usr/share/stonith-controller/metadata
for place in /usr/lib/ocf/resource.d/stonith /usr/lib/heartbeat/stonith.d; do
    for name in ipmilan redfish agent; do
        grep "<resource-agent name=\"$name\"" "$metadata/$name.xml" >/dev/null
        OCF_ROOT=/usr/lib/ocf "$place/$name" meta-data | diff - "$metadata/$name.xml"
    done
done
fence_controller -o metadata | diff - "$metadata/fence_controller.xml"
for name in $(fence_controller -o metadata | sed -n '/deprecated/!s/.*<parameter name="\([^"]*\)".*/\1/p'); do
    gzip -cd /usr/share/man/man8/fence_controller.8.gz | grep -w "$name" >/dev/null || fail "the page lacks $name"
done

dpkg --install /packages/controller-next.deb
systemd_was_told daemon-reload "try-restart $controllers"
# What enabling it leaves.
ln -s "$unit" "$enabled/stonith-controller@rack1.service"
dpkg --remove stonith-controller
systemd_was_told "stop $controllers" daemon-reload
dpkg --purge stonith-controller
systemd_was_told daemon-reload
rm -r /run/stonith-controller
as_noted
