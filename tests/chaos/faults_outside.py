"""Faults of the broker, its management API and the network between it and the daemon."""

from __future__ import annotations

from chaos.faults import Blow, fault
from chaos.shrinks import TICK


@fault("broker stopped and started", redelivers=True, away=True)
def broker_restarted(blow: Blow) -> None:
    blow.system.node.stop()
    blow.last(0, 3)
    blow.system.node.start()


@fault("broker killed and started", redelivers=True, away=True)
def broker_killed(blow: Blow) -> None:
    blow.system.node.kill()
    blow.last(0, 3)
    blow.system.node.start()


@fault("broker frozen: every call hangs", blind=True, away=True)
def broker_paused(blow: Blow) -> None:
    blow.system.node.pause()
    blow.last(2, TICK + 6)
    blow.system.node.resume()


def _management(blow: Blow, mode: str | int) -> None:
    blow.system.management.behave(mode)
    blow.last(1.5, 4)
    blow.system.management.behave("honest")


@fault("management API answers after 12 s", weight=2)
def management_slow(blow: Blow) -> None:
    _management(blow, "slow")


@fault("management API refuses with 401", weight=2)
def management_401(blow: Blow) -> None:
    _management(blow, 401)


@fault("management API answers 404", weight=2)
def management_404(blow: Blow) -> None:
    _management(blow, 404)


@fault("management API answers 500", weight=2)
def management_500(blow: Blow) -> None:
    _management(blow, 500)


@fault("management API sends half a body", weight=2)
def management_half(blow: Blow) -> None:
    _management(blow, "half")


@fault("management API leaves the counts out", weight=2)
def management_no_counts(blow: Blow) -> None:
    _management(blow, "no_counts")


@fault("management API sends 50 MB", weight=2)
def management_huge(blow: Blow) -> None:
    _management(blow, "huge")


@fault("management API sends nonsense", weight=2)
def management_nonsense(blow: Blow) -> None:
    _management(blow, "nonsense")


@fault("network cut: bytes held back", weight=2)
def network_held(blow: Blow) -> None:
    blow.system.amqp.hold()
    blow.last(2, 8)
    blow.system.amqp.mend()


@fault("network slow: 0.2 to 1.5 s a packet", weight=2)
def network_slow(blow: Blow) -> None:
    blow.system.amqp.delay = blow.random.uniform(0.2, 1.5)
    blow.last(2, 6)
    blow.system.amqp.mend()


@fault("network resets connections", weight=2)
def network_reset(blow: Blow) -> None:
    for _ in range(blow.random.randint(1, 4)):
        blow.system.amqp.reset()
        blow.last(0, 1)


@fault("broker's port refuses", weight=2)
def network_refused(blow: Blow) -> None:
    blow.system.amqp.refuse()
    blow.last(2, 6)
    blow.system.amqp.mend()


@fault("network cut, management API too", blind=True, weight=2)
def network_dark(blow: Blow) -> None:
    blow.system.management.behave("refuse")
    if blow.random.random() < 0.5:
        blow.system.amqp.hold()
    else:
        blow.system.amqp.refuse()
    blow.last(TICK + 1, TICK + 6)
    blow.system.amqp.mend()
    blow.system.management.behave("honest")
