//! The names that udev gives to sticks.

use super::machine::Machine;

/// Sticks on a made-up USB, as the kernel shows them: tty, number, bus address, ids, product, serial number, interface.
const PLUGGED: &str = "
plug ttyACM0 166:0 1-1 0658 0200 '' '' ''
plug ttyACM1 166:1 1-2 0658 0200 '' '' ''
plug ttyUSB0 188:0 1-3 10c4 8a2a 'HubZ Smart Home Controller' 812345 'HubZ Z-Wave Com Port'
plug ttyUSB1 188:1 1-4 10c4 8a2a 'HubZ Smart Home Controller' 812345 'HubZ ZigBee Com Port'
plug ttyUSB2 188:2 1-5 10c4 ea60 '700/800 Z-Wave Stick' AB12 ''
plug ttyUSB3 188:3 1-6 10c4 ea60 '700/800 Z-Wave Stick' AB13 ''
plug ttyUSB4 188:4 1-7 10c4 ea60 'Sonoff Zigbee 3.0 USB Dongle Plus' 0001 ''
plug ttyUSB5 188:5 1-9 10c4 8a2a 'Z-Wave and Zigbee Controller' 77 'ZigBee Port'
plug ttyACM2 166:2 1-8 303a 4001 'ZWA-2' F1F2 ''
";

/// Lays out what `plug` says under /sys, which is a folder in memory.
const PLUG: &str = r#"
cp systemd/60-latchkey.rules /usr/lib/udev/rules.d/
mount -t tmpfs tmpfs /sys
mkdir -p /sys/bus/usb /sys/bus/platform /sys/class/tty
device() { # FOLDER SUBSYSTEM UEVENT
  mkdir -p "$1"; ln -s "$2" "$1/subsystem"; printf "$3" >"$1/uevent"
}
soc=/sys/devices/platform/soc
device $soc /sys/bus/platform ''
device $soc/usb1 /sys/bus/usb 'DEVTYPE=usb_device
'
plug() {
  local usb=$soc/usb1/$3 interface=$soc/usb1/$3/$3:1.0 tty=$soc/usb1/$3/$3:1.0/tty/$1
  device $usb /sys/bus/usb 'DEVTYPE=usb_device
'
  device $interface /sys/bus/usb 'DEVTYPE=usb_interface
'
  device $tty /sys/class/tty "MAJOR=${2%:*}
MINOR=${2#*:}
DEVNAME=$1
"
  echo "$2" >$tty/dev; ln -s $tty /sys/class/tty/$1
  echo "$4" >$usb/idVendor; echo "$5" >$usb/idProduct; echo Maker >$usb/manufacturer
  [ -z "$6" ] || echo "$6" >$usb/product
  [ -z "$7" ] || echo "$7" >$usb/serial
  echo 00 >$interface/bInterfaceNumber; echo 02 >$interface/bInterfaceClass; echo 02 >$interface/bInterfaceSubClass
  echo 01 >$interface/bInterfaceProtocol
  [ -z "$8" ] || echo "$8" >$interface/interface
}
"#;

/// What udev makes of them: one line a tty with its names under /dev/zwave, and whether ModemManager stays away.
const ASK: &str = r#"
export SYSTEMD_DEVICE_VERIFY_SYSFS=0
for tty in /sys/class/tty/*; do
  said=$(udevadm test --action=add $(readlink $tty) 2>&1)
  echo "$said" | grep -E '60-latchkey.rules:[0-9]+ .*(ignoring|[Ii]nvalid|[Uu]nknown)' || true
  names=$(echo "$said" | sed -n 's/^DEVLINKS=//p' | tr ' ' '
' | grep ^/dev/zwave/ | tr '
' ' ') || true
  echo "${tty##*/} $names$(echo "$said" | grep -o '^ID_MM_DEVICE_IGNORE=1' || true)"
done
"#;

#[test]
fn each_stick_has_a_name_of_its_own_and_no_other_device_has_one() {
    let machine = Machine::boot();
    let seen = machine.ok(&format!("unshare --mount bash -euo pipefail <<'END'\n{PLUG}{PLUGGED}{ASK}\nEND"));
    let expected = "\
        ttyACM0 /dev/zwave/platform-soc-usb-0:1:1.0 ID_MM_DEVICE_IGNORE=1\n\
        ttyACM1 /dev/zwave/platform-soc-usb-0:2:1.0 ID_MM_DEVICE_IGNORE=1\n\
        ttyACM2 /dev/zwave/Maker_ZWA-2_F1F2-if00 ID_MM_DEVICE_IGNORE=1\n\
        ttyUSB0 /dev/zwave/Maker_HubZ_Smart_Home_Controller_812345-if00 ID_MM_DEVICE_IGNORE=1\n\
        ttyUSB1 \n\
        ttyUSB2 /dev/zwave/Maker_700_800_Z-Wave_Stick_AB12-if00 ID_MM_DEVICE_IGNORE=1\n\
        ttyUSB3 /dev/zwave/Maker_700_800_Z-Wave_Stick_AB13-if00 ID_MM_DEVICE_IGNORE=1\n\
        ttyUSB4 \n\
        ttyUSB5 \n";
    assert_eq!(seen, expected);
}
