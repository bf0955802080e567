/** Programs that are not ours, for tests of `exec`: Perl scripts, which Debian's base system can run. */
import { spawnSync } from "node:child_process";
import { iommuctlProcess, type Ran } from "../cli.js";

/** What the scripts share: `dev` opens, `call` makes an ioctl of a type `;` number in place, `addr` is where a string is. */
const PRELUDE = `
use strict; $| = 1;
sub dev { my $path = shift // "/dev/iommu"; sysopen(my $file, $path, 2) or do { print "open: ", 0 + $!, "\\n"; exit 1 }; return $file }
sub call { my $ret = ioctl($_[0], 0x3b00 | $_[1], $_[2]); return defined $ret ? 0 + $ret : -$! }
sub addr { return unpack("J", pack("P", $_[0])) }
sub ioas { my $arg = pack("LLL", 12, 0, 0); my $ret = call($_[0], 0x81, $arg); return $ret < 0 ? $ret : (unpack("LLL", $arg))[2] }
sub map_at { my ($file, $ioas, $va, $length) = @_; my $arg = pack("LLLLQQQ", 40, 6, $ioas, 0, $va, $length, 0);
	my $ret = call($file, 0x85, $arg); return $ret < 0 ? $ret : (unpack("LLLLQQQ", $arg))[6] }
`;

/** The words of `iommuctl exec` for a script. */
export function perl(code: string, ...args: string[]): string[] {
	return ["--", "perl", "-e", PRELUDE + code, ...args];
}

/** Runs a script under exec to its end. */
export function exec(code: string, ...options: string[]): Ran {
	return iommuctlProcess(["exec", ...options, ...perl(code)]);
}

/** Why exec cannot be tried here; undefined: it can. */
export const obstacle = ((): string | undefined => {
	if (spawnSync("perl", ["-e", "1"]).status !== 0) return "no perl";
	const { status, stderr } = iommuctlProcess(["exec", "--", "/bin/true"]);
	return status === 3 ? stderr : undefined;
})();
