"""The shipped roster, one file per specialism. Importing it loads neither dspy nor pydantic."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from swarm.signatures.specialisms.analytics_integration_specialist import ANALYTICS_INTEGRATION_SPECIALIST
from swarm.signatures.specialisms.code_analyzer import CODE_ANALYZER
from swarm.signatures.specialisms.code_generator import CODE_GENERATOR
from swarm.signatures.specialisms.dependency_mapper import DEPENDENCY_MAPPER
from swarm.signatures.specialisms.integration_tester import INTEGRATION_TESTER
from swarm.signatures.specialisms.metrics_coordinator import METRICS_COORDINATOR
from swarm.signatures.specialisms.monitoring_specialist import MONITORING_SPECIALIST
from swarm.signatures.specialisms.observability_engineer import OBSERVABILITY_ENGINEER
from swarm.signatures.specialisms.pattern_implementer import PATTERN_IMPLEMENTER
from swarm.signatures.specialisms.performance_optimizer import PERFORMANCE_OPTIMIZER
from swarm.signatures.specialisms.production_engineer import PRODUCTION_ENGINEER
from swarm.signatures.specialisms.qa_validator import QA_VALIDATOR
from swarm.signatures.specialisms.security_auditor import SECURITY_AUDITOR
from swarm.signatures.specialisms.specialism import Program, Specialism
from swarm.signatures.specialisms.template_specialist import TEMPLATE_SPECIALIST
from swarm.signatures.specialisms.test_engineer import TEST_ENGINEER

__all__ = ["SPECIALISMS", "Program", "Specialism"]

_BY_SWARM: Final = (
    (ANALYTICS_INTEGRATION_SPECIALIST, CODE_ANALYZER, DEPENDENCY_MAPPER),
    (OBSERVABILITY_ENGINEER, MONITORING_SPECIALIST, METRICS_COORDINATOR),
    (TEMPLATE_SPECIALIST, CODE_GENERATOR, PATTERN_IMPLEMENTER),
    (PRODUCTION_ENGINEER, SECURITY_AUDITOR, PERFORMANCE_OPTIMIZER),
    (QA_VALIDATOR, TEST_ENGINEER, INTEGRATION_TESTER),
)

SPECIALISMS: Final[Mapping[str, Specialism]] = MappingProxyType({one.name: one for group in _BY_SWARM for one in group})
"""By name, in the seed's order: each lead before its support."""
