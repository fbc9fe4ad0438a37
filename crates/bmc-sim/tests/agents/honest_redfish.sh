#!/bin/sh
# A fence agent over curl, as small as it can be. It does not look at the certificate.
while IFS='=' read -r name value; do
    case $name in
        ip | ipport | username | password | action | ssl_fingerprint) eval "$name=\$value" ;;
    esac
done
system=https://$ip:$ipport/redfish/v1/Systems/1
ask() {
    printf 'user = "%s:%s"\n' "$username" "$password" | curl --silent --insecure --config - "$@"
}
power_is() {
    ask "$system" | grep -q "\"PowerState\":\"$1\""
}
switch() {
    ask --json "{\"ResetType\":\"$1\"}" "$system/Actions/ComputerSystem.Reset"
    until power_is "$2"; do sleep 0.05; done
}
case $action in
    reboot) switch ForceOff Off && switch On On && echo "Success: Rebooted" ;;
    status) power_is On && echo "Status: ON" ;;
esac
