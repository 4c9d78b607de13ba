"""The `p2pd` command. `status`, which scripts ask often, and `start` come before anything heavy is imported."""

# ruff: noqa: PLC0415 - that is what this file is for

from __future__ import annotations

import sys


def main() -> int:
    """Runs one command line and returns its exit code."""
    try:
        if sys.argv[1:2] == ["status"]:
            from p2pd_cli.quick_status import quick_status

            code = quick_status(sys.argv[2:])
            if code is not None:
                return code
        if sys.argv[1:2] == ["start"]:
            from p2pd_cli.quick_start import quick_start

            code = quick_start(sys.argv[2:])
            if code is not None:
                return code
        from p2pd_cli.app import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
