"""The network: all that knows libp2p."""

from p2pd_daemon.net import libp2p_imports

libp2p_imports.install()
