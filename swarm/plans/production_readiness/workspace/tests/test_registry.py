"""The registry finds every component by its file."""

import inspect

import pytest

from core import registry
from core.interfaces.processing_interface import ProcessingInterface
from docs.templates import unified_processing_templates as templates
from infrastructure.messaging.message_bus import MessageBus

EVERYWHERE = (*registry.BASES, *registry.AGENTS, *registry.SPECIALIZED, *registry.INFRASTRUCTURE, *registry.INTEGRATION)


def files(*patterns: str) -> list[str]:
    return list(registry.paths(patterns))


def with_component(*patterns: str) -> list[str]:
    return [path for path in files(*patterns) if registry.component_of(path) is not None]


def test_each_file_of_a_component_brings_exactly_one():
    assert len(with_component(*EVERYWHERE)) == 31 + len(files(*registry.SPECIALIZED))
    for path in with_component(*EVERYWHERE):
        own = [cls for cls in registry.classes_of(path) if hasattr(cls, "self_check") or hasattr(cls, "execute_task")]
        assert [registry.component_of(path)] == own, path


def test_every_agent_can_be_made_and_has_a_name():
    agents = registry.get_all_agent_instances()
    assert len(agents) == len(files(*registry.BASES, *registry.AGENTS, *registry.SPECIALIZED)) >= 2 + 15
    assert all(agent.name for agent in agents)


def test_the_components_are_the_agents_and_the_infrastructure():
    agents = {type(agent) for agent in registry.get_all_agent_instances()}
    components = {type(component) for component in registry.get_all_components()}
    assert agents < components
    assert MessageBus in components - agents
    assert len(components - agents) == 8


@pytest.mark.parametrize("path", with_component(*registry.AGENTS, *registry.INFRASTRUCTURE, *registry.INTEGRATION))
async def test_every_component_is_well(path):
    assert await registry.component_of(path)().self_check()


def test_what_fills_in_a_template_can_be_made():
    kinds = (templates.UnifiedBaseAgentTemplate, templates.StandardProcessor, templates.StandardAnalytics)
    found = registry.get_template_implementations()
    assert all(issubclass(cls, kinds) and not inspect.isabstract(cls) for cls in found)
    assert all(cls() is not None for cls in found)


def test_the_templates_themselves_fill_in_nothing():
    assert not {templates.UnifiedBaseAgentTemplate, templates.StandardProcessor, ProcessingInterface} & set(
        registry.get_template_implementations()
    )


def test_a_file_s_classes_come_in_its_order():
    names = [cls.__name__ for cls in registry.classes_of("docs/templates/unified_processing_templates.py")]
    assert names == ["ProcessResult", "StandardAnalytics", "StandardProcessor", "UnifiedBaseAgentTemplate"]


def test_a_file_without_a_component_has_none():
    assert registry.component_of("core/interfaces/processing_interface.py") is None


def test_files_are_sorted_and_tests_are_left_out():
    assert files("tests/*.py") == []
    assert files("core/interfaces/*.py", "core/*.py") == ["core/interfaces/processing_interface.py", "core/registry.py"]
