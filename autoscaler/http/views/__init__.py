"""The values of the API: projections of the daemon's snapshot.

Some values of the model are served as they are: a reason, a recommendation, a sample. Where the API shows a
value otherwise than the model has it, there is a view.
"""

from autoscaler.http.views.base import View
from autoscaler.http.views.explanation import ExplanationView, explanation_view
from autoscaler.http.views.fleets import DemandView, FleetsView, FleetView, fleet_view, fleets_view
from autoscaler.http.views.health import HealthView, SourceView, health_view, is_stale
from autoscaler.http.views.history import DecisionsView, SamplesView
from autoscaler.http.views.holds import HoldView
from autoscaler.http.views.singletons import SingletonsView, SingletonView, singletons_view
from autoscaler.http.views.situation import SituationView, situation_view
from autoscaler.http.views.workers import TasksView, WorkersView, WorkerView, workers_view

__all__ = [
    "DecisionsView",
    "DemandView",
    "ExplanationView",
    "FleetView",
    "FleetsView",
    "HealthView",
    "HoldView",
    "SamplesView",
    "SingletonView",
    "SingletonsView",
    "SituationView",
    "SourceView",
    "TasksView",
    "View",
    "WorkerView",
    "WorkersView",
    "explanation_view",
    "fleet_view",
    "fleets_view",
    "health_view",
    "is_stale",
    "singletons_view",
    "situation_view",
    "workers_view",
]
