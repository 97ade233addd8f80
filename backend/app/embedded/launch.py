"""Become another program that cannot outlive the process that asked for it.

Run as a script: `python -IS launch.py PARENT SIGNAL own|mapped PROGRAM [ARGUMENT…]`.
It takes the place of `preexec_fn`, which is unsafe beside threads and can only fail
without words.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

NO_NAMESPACE = 97
CANNOT_RUN = 98

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1


def leave_root(libc: ctypes.CDLL) -> None:  # pragma: no cover - see main
    """PostgreSQL refuses to run as root; seen from inside we are now user 1000.

    Files keep belonging to root, so no user is made and nothing changes hands.
    """
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"1000 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"1000 {gid} 1")


def main() -> None:  # pragma: no cover - runs where nothing measures
    parent, death, user, *command = sys.argv[1:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if user == "mapped":
            try:
                leave_root(libc)
            except OSError as error:
                sys.stderr.write(f"{error.strerror}\n")
                sys.exit(NO_NAMESPACE)
        # Only now: a change of user forgets the wish.
        libc.prctl(PR_SET_PDEATHSIG, int(death))
        if os.getppid() != int(parent):
            sys.exit(0)  # it died while we were starting
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it
    try:
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        # A program whose libc is missing "does not exist", although it lies there.
        sys.stderr.write(f"{error.strerror}\n")
        sys.exit(CANNOT_RUN)


if __name__ == "__main__":  # pragma: no cover - see main
    main()
