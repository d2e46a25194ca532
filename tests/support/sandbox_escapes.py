"""Ways out of a sandbox, as Python bodies that run inside: each returns what it got hold of, or raises OSError.

What they are told of the outside stands in the variable WORLD (JSON): `secret` and `outside` (paths), `marker` (the
content of the secret and of a variable outside), `home`, `tcp` and `udp` (ports), `unix` and `datagram` (paths of sockets),
`abstract` (a name), `victim` (a process with the marker in its memory at `address`), `descriptor` (of the secret, open
outside), `system` (folders that are read).
"""

from __future__ import annotations

PRELUDE = """
import array, contextlib, ctypes, fcntl, glob, json, os, resource, signal, socket, stat, subprocess, sys, termios
W = json.loads(os.environ["WORLD"])
secret, outside, marker, victim = W["secret"], W["outside"], W["marker"], W["victim"]
libc = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"

def syscall(x86, arm, *arguments):
    result = libc.syscall(x86 if X86 else arm, *arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result

def text_of(path):
    with open(path, errors="replace") as file:
        return file.read()
"""

EPILOGUE = """
try:
    got = attack()
except OSError as error:
    print("held:", error)
else:
    print("ESCAPED:" if got else "held: got nothing", repr(got)[:200])
"""

# Reading what is not given.
READING = {
    "read a file outside": "return text_of(secret)",
    "read a file outside by ..": "return text_of(os.path.relpath(secret))",
    "read the project beside": "return os.listdir(outside)",
    "read the user's files": "return [text_of(p) for p in glob.glob(W['home'] + '/.*') if os.path.isfile(p)]",
    "read the user's keys": "return os.listdir(W['home'] + '/.ssh')",
    "read the users of the system": "return text_of('/etc/passwd')",
    "read the passwords of the system": "return text_of('/etc/shadow')",
    "read the name servers": "return text_of('/etc/resolv.conf')",
    "read by a symbolic link": "os.symlink(secret, 'link'); return text_of('link')",
    "read by a hard link": "os.link(secret, 'hard'); return text_of('hard')",
    "read by the root of a process": "return text_of('/proc/self/root' + secret)",
    "read by the root of the first process": "return text_of('/proc/1/root' + secret)",
    "read by a working folder": "return text_of('/proc/self/cwd/../outside/secret')",
    "read by an open folder": "return os.open('outside/secret', os.O_RDONLY, dir_fd=os.open('..', os.O_RDONLY))",
    "read by a file handle": """
handle = ctypes.create_string_buffer(b'\\x80\\0\\0\\0' + bytes(200)); mount = ctypes.c_int()
syscall(303, 264, -100, b'.', handle, ctypes.byref(mount), 0)
return syscall(304, 265, os.open('.', os.O_RDONLY), handle, os.O_RDONLY)""",
    "read inherited descriptors": """
for number in range(3, 256):
    with contextlib.suppress(OSError):
        if os.pread(number, 100, 0): return number""",
    "find keys in the environment": "return [name for name, value in os.environ.items() if marker in value and name != 'WORLD']",
    "find keys in the first process": "return marker in text_of('/proc/1/environ')",
    "find keys in any process": """
for path in glob.glob('/proc/[0-9]*/environ'):
    with contextlib.suppress(OSError):
        if marker in text_of(path).replace(os.environ['WORLD'], ''): return path""",
    "see other programs": "return os.path.exists(f'/proc/{victim}/cmdline') and 'victim' in text_of(f'/proc/{victim}/cmdline')",
}

# Changing what is not given.
WRITING = {
    "make a file outside": "open(outside + '/new', 'w').close(); return 'made'",
    "change a file outside": "open(secret, 'a').write('x'); return 'changed'",
    "empty a file outside": "os.truncate(secret, 0); return 'emptied'",
    "remove a file outside": "os.unlink(secret); return 'removed'",
    "rename a file outside": "os.rename(secret, outside + '/other'); return 'renamed'",
    "move a file out": "open('own', 'w').close(); os.rename('own', outside + '/own'); return 'moved'",
    "move the working folder": "os.rename(os.getcwd(), outside + '/moved'); return 'moved'",
    "link out and write": "os.symlink(outside, 'out'); open('out/new', 'w').close(); return 'made'",
    "make a folder outside": "os.mkdir(outside + '/folder'); return 'made'",
    "make a pipe outside": "os.mkfifo(outside + '/pipe'); return 'made'",
    "make a link outside": "os.symlink('/', outside + '/root'); return 'made'",
    "change rights outside": "os.chmod(secret, 0o777); return 'changed'",
    # As it is already: one that gets through changes nothing.
    "change rights by a descriptor": """
found = os.open(os.__file__, os.O_RDONLY)
os.fchmod(found, stat.S_IMODE(os.fstat(found).st_mode)); return 'changed'""",
    "change the owner outside": "os.chown(secret, os.getuid(), -1); return os.stat(secret).st_uid == os.getuid() != W['uid']",
    "change times outside": "os.utime(secret, (1, 1)); return 'changed'",
    "touch a file outside": "os.utime(secret); return 'touched'",
    "change attributes outside": "os.setxattr(secret, 'user.x', b'1'); return 'changed'",
    "write to the interpreter": "open(os.__file__, 'a').close(); return 'opened'",
    "write beside the interpreter": "open(sys.prefix + '/escaped', 'w').close(); return 'made'",
    "write to the system": "open('/usr/escaped', 'w').close(); return 'made'",
    # Opened only: a write that gets through would change the machine for good.
    "set what the kernel does": "return os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY)",
    "set what the kernel does to this process": "return os.open('/proc/self/oom_score_adj', os.O_WRONLY)",
    "press the system request key": "return os.open('/proc/sysrq-trigger', os.O_WRONLY)",
    "make a control group": "os.mkdir('/sys/fs/cgroup/escaped'); return 'made'",
    "share memory by name": "open('/dev/shm/quintet-escape', 'w').close(); return False",
    "share memory by number": "return syscall(29, 194, 0x51e7, 4096, 0o1666) + 1",
    "leave a set-user-id program": "open('own', 'w').close(); os.chmod('own', 0o4755); return 'left'",
    "make a set-user-id program": "return os.open('own', os.O_CREAT | os.O_WRONLY, 0o4755)",
    "make a device": "os.mknod('disk', stat.S_IFBLK | 0o600, os.makedev(8, 0)); return os.open('disk', os.O_RDONLY)",
    "open the memory of the machine": "return os.open('/dev/mem', os.O_RDWR)",
    "open the log of the kernel": "return os.open('/dev/kmsg', os.O_RDWR)",
}

# Talking to what is not given.
TALKING = {
    "connect by TCP": "return socket.create_connection(('127.0.0.1', W['tcp']), 5)",
    "connect by TCP and IPv6": "return socket.create_connection(('::1', W['tcp']), 5)",
    "send by UDP": "return not socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', W['udp']))",
    "ask a name server": "return socket.getaddrinfo('example.com', 80)",
    "send raw packets": "return socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "talk to a host of virtual machines": "return socket.socket(socket.AF_VSOCK)",
    "connect to a socket by path": "s = socket.socket(socket.AF_UNIX); s.connect(W['unix']); return 'connected'",
    "connect to a socket by name": "s = socket.socket(socket.AF_UNIX); s.connect('\\0' + W['abstract']); return 'connected'",
    "send to a socket by path": """
one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
return one.sendto(b'x', W['datagram'])""",
    "send without a socket of its own": "return syscall(425, 425, 8, ctypes.create_string_buffer(200))",
    "type into the terminal": "fcntl.ioctl(os.open('/dev/tty', os.O_RDWR), termios.TIOCSTI, b'x'); return 'typed'",
    "type into a terminal of its own": """
import pty
return fcntl.ioctl(pty.openpty()[1], termios.TIOCSTI, b'x') == 0""",
    "keep a key in the kernel": "return syscall(248, 217, b'user', b'escape', b'x', 1, -3)",
    "read the keys of the kernel": "return syscall(250, 219, 0, -3, 1)",
}

# Touching other processes, and gaining rights.
RISING = {
    "trace a process": "syscall(101, 117, 16, victim, 0, 0); return 'attached'",
    "read the memory of a process": """
class Piece(ctypes.Structure): _fields_ = [('base', ctypes.c_void_p), ('size', ctypes.c_size_t)]
into = ctypes.create_string_buffer(16)
here, there = Piece(ctypes.addressof(into), 16), Piece(W['address'], 16)
return syscall(310, 270, victim, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)""",
    "open the memory of a process": "return os.pread(os.open(f'/proc/{victim}/mem', os.O_RDWR), 16, W['address'])",
    "take the descriptor of a process": "return syscall(438, 438, os.pidfd_open(victim), 0, 0)",
    "kill a process": "os.kill(victim, signal.SIGKILL); return 'killed'",
    "kill the parent": "os.kill(os.getppid(), signal.SIGKILL); return False",
    "stop the parent": "os.kill(os.getppid(), signal.SIGSTOP); return False",
    "limit a process": "resource.prlimit(victim, resource.RLIMIT_CPU, (0, 0)); return 'limited'",
    "slow a process down": "os.setpriority(os.PRIO_PROCESS, victim, 19); return 'slowed'",
    "raise its own limit": """
limit = (ctypes.c_uint64 * 2)(2**64 - 1, 2**64 - 1)
return syscall(302, 261, 0, 1, limit, 0) + 1""",
    "make a user namespace": "syscall(272, 97, 0x10000000); return 'made'",
    "make a user namespace by clone": "return syscall(56, 220, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)",
    "make a mount namespace": "syscall(272, 97, 0x00020000); return 'made'",
    "mount": "syscall(165, 40, b'none', b'.', b'tmpfs', 0, 0); return 'mounted'",
    "change the root": "os.chroot('.'); return 'changed'",
    "become root": "os.setuid(0); return W['uid'] != 0 or os.getuid() == 0",
    "gain rights by a program": "return not libc.prctl(39, 0, 0, 0, 0)",
    "load a program into the kernel": "return syscall(321, 280, 0, ctypes.create_string_buffer(128), 128)",
    "load a module": "return syscall(313, 273, 0, b'', 0)",
    "set the clock": "return syscall(227, 112, 0, ctypes.create_string_buffer(16)) + 1",
    "set the host name": "socket.sethostname('escaped'); return 'set'",
}

ESCAPES = {**READING, **WRITING, **TALKING, **RISING}


def program_of(way: str) -> str:
    """Return the whole program of one attack."""
    body = "\n".join(f"    {line}" for line in ESCAPES[way].strip("\n").splitlines())
    return f"{PRELUDE}\ndef attack():\n{body}\n{EPILOGUE}"
