"""Other scalers, re-implemented from their published rules."""

from autoscaler.simulate.peers.aws import AwsBacklog
from autoscaler.simulate.peers.celery import CeleryAutoscale
from autoscaler.simulate.peers.fixed import Fixed
from autoscaler.simulate.peers.keda import Keda
from autoscaler.simulate.peers.laravel import LaravelHybrid
from autoscaler.simulate.peers.peer import Metrics, Peer, PeerScaler, Victims
from autoscaler.simulate.peers.steps import Steps

__all__ = [
    "AwsBacklog",
    "CeleryAutoscale",
    "Fixed",
    "Keda",
    "LaravelHybrid",
    "Metrics",
    "Peer",
    "PeerScaler",
    "Steps",
    "Victims",
]
