from core.engine import Engine as Engine
from core.errors import ConfigValidationError as ConfigValidationError
from core.errors import LLMCallError as LLMCallError
from core.errors import QuintetError as QuintetError
from core.errors import UsageError as UsageError
from core.llm.pool import get_llm_client as get_llm_client
from core.llm.pool import get_pool_stats as get_pool_stats
from core.settings import load_config as load_config
from core.telemetry.logs import set_correlation_id as set_correlation_id
from core.telemetry.logs import setup_logging as setup_logging
from core.telemetry.metrics import gauge as gauge
from core.telemetry.metrics import get_metrics as get_metrics
from core.telemetry.metrics import increment as increment
from core.telemetry.metrics import timer_context as timer_context
from core.telemetry.metrics import timing as timing

def main() -> int: ...
