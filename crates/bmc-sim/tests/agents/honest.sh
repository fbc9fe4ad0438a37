#!/bin/sh
# A fence agent over ipmitool, as small as it can be.
while IFS='=' read -r name value; do
    case $name in
        ip | ipport | username | password | action) eval "$name=\$value" ;;
    esac
done
export IPMI_PASSWORD="$password"
power() {
    ipmitool -I lanplus -C 17 -H "$ip" -p "$ipport" -U "$username" -E chassis power "$1"
}
switch() {
    power "$1" >/dev/null
    until power status | grep -q "$1"; do sleep 0.05; done
}
case $action in
    reboot) switch off && switch on && echo "Success: Rebooted" ;;
    status) power status | sed 's/Chassis Power is on/Status: ON/' ;;
esac
