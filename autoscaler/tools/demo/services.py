"""The private services of the demo and the tests."""

from autoscaler.tools.demo.process import free_port, wait_until
from autoscaler.tools.demo.rabbitmq import RabbitMQNode
from autoscaler.tools.demo.redis import RedisServer
from autoscaler.tools.demo.supervisord import SupervisordInstance

__all__ = ["RabbitMQNode", "RedisServer", "SupervisordInstance", "free_port", "wait_until"]
