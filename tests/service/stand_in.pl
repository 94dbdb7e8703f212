# Speaks to systemd as the daemon will: ready, alive, reloading, stopping. A program of its own, since the unit believes
# only its main process.
use strict;
use warnings;
use IO::Socket::UNIX;
use Socket;

my $systemd = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Peer => $ENV{NOTIFY_SOCKET}) or die "no systemd: $!";

sub tell_systemd { $systemd->send(join "\n", @_) or die "systemd does not listen: $!" }

$SIG{HUP} = sub { tell_systemd("RELOADING=1"); tell_systemd("READY=1", "STATUS=reloaded") };
$SIG{TERM} = sub { tell_systemd("STOPPING=1"); exit 0 };

print STDERR "stand-in is running\n";
tell_systemd("READY=1", "STATUS=waiting for stick");
while (1) {
    tell_systemd("WATCHDOG=1");
    sleep 1;
}
