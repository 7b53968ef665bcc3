"""Memory of this process."""


def memory_kib(name: str) -> int:
    """As Linux names it in proc_pid_status(5): VmRSS, VmHWM."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))
