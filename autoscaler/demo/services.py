"""The private services that the demo and the tests run on."""

from autoscaler.demo.process import free_port, wait_until
from autoscaler.demo.rabbitmq import RabbitMQNode
from autoscaler.demo.supervisord import SupervisordInstance

__all__ = ["RabbitMQNode", "SupervisordInstance", "free_port", "wait_until"]
