"""What all three trainings share: LoRA, progress, checkpoints that can be trusted, models saved whole.

1. LoRA on all linear layers by default, or on those of the last layers, merged at the end, so that a trained model is a
   plain Hugging Face folder that any tool loads; the adapter itself stays beside it, in the folder `adapter`.
   `lora: null` trains every weight.
2. Compute is bfloat16 where the hardware has it; what is trained, merged and saved is float32. (Merged into bfloat16,
   updates smaller than half of a weight's last place would be lost: nearly all of a short RL's.)
3. A checkpoint counts only when its mark was written after everything else. A killed training goes on from the last
   one that counts, with the trainer's own state and random states, and ends with the same weights.
4. Trackers (`report_to`) are told every logged figure by transformers' own callbacks; they change no record.
5. Where several processes run one training, each is here: all take the same steps, and wait for one another around
   what the first of them alone does on the disk.
How it departs from the paper: the paper trains every weight of its models.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

from transformers import PrinterCallback, TrainerCallback
from transformers.integrations import TensorBoardCallback

from precepts.engines.models import HEAD_FILE as HEAD
from precepts.engines.states import can_be_read
from precepts.errors import InputError
from precepts.records import TrainingStep
from precepts.runs.progress import Task
from precepts.training.settings import ADAPTER_FILES, LoraSettings, OptimSettings, at_once

MARK = "complete"
Show = Callable[[int, int], AbstractContextManager[Task]]  # (steps in all, steps done) -> progress


def lora_config(lora: LoraSettings, task: Literal["CAUSAL_LM", "SEQ_CLS"], model: Any) -> Any:
    """A PEFT configuration on all linear layers of `model`, or of its last ones (a scoring head is trained whole beside
    them). Raises InputError where there are not so many."""
    from peft import LoraConfig

    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear" if lora.layers is None else _linear_in_last(model, lora.layers),
        task_type=task,
    )


def _linear_in_last(model: Any, count: int) -> list[str]:
    """The names of the linear layers within the model's last `count` blocks."""
    from torch.nn import Linear

    if not can_be_read(model):
        raise InputError("lora.layers: this model's layers are not where most models have them; leave it out")
    layers = model.get_decoder().layers
    if count > len(layers):
        raise InputError(f"lora.layers: {count} layers of a model that has {len(layers)}; lower it, or leave it out")
    within = {id(part) for layer in layers[-count:] for part in layer.modules()}
    return [name for name, part in model.named_modules() if isinstance(part, Linear) and id(part) in within]


def process_count() -> int:
    """How many processes run this training together, as their launcher says (1 without one)."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def trainer_arguments(
    optim: OptimSettings, folder: Path, seed: int, device: str, bf16: bool, processes: int = 1
) -> dict[str, Any]:
    """The arguments that every Hugging Face trainer gets from our settings; `processes` share a batch.

    Raises InputError where the batch does not divide by them."""
    try:
        micro = at_once(optim.batch_size, optim.micro_batch, processes)
    except ValueError as error:
        raise InputError(str(error)) from None
    return {
        "output_dir": str(folder / "checkpoints"),
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": optim.batch_size // processes // micro,
        "learning_rate": optim.learning_rate,
        "num_train_epochs": optim.epochs,
        "lr_scheduler_type": _schedule(optim),
        "warmup_steps": optim.warmup,
        "logging_steps": 1,
        "save_strategy": "steps" if optim.checkpoint_steps else "no",
        "save_steps": optim.checkpoint_steps or 500,
        "save_total_limit": 2,
        "report_to": optim.report_to or "none",
        "run_name": _run_name(folder),
        "project": "precepts",
        "seed": seed % 2**32,
        "data_seed": seed % 2**32,
        "disable_tqdm": True,
        "use_cpu": device == "cpu",
        "bf16": bf16,
        "dataloader_pin_memory": device != "cpu",
        "gradient_checkpointing": False,
    }


def _run_name(work: Path) -> str:
    """What a tracker calls a training whose work folder is RUN/STAGE/scratch: `RUN STAGE`."""
    return f"{work.absolute().parents[1].name} {work.absolute().parent.name}"


def _schedule(optim: OptimSettings) -> str:
    return "constant_with_warmup" if optim.schedule == "constant" and optim.warmup else optim.schedule


class _Steps(TrainerCallback):  # type: ignore[misc]
    """Shows each step, and marks each checkpoint once all that belongs to it is on the disk."""

    def __init__(self, show: Show, before_mark: Callable[[int], None], wait: Callable[[], None], opened: ExitStack):
        self.show, self.before_mark, self.wait, self.opened = show, before_mark, wait, opened
        self.task: Task | None = None
        self.note = ""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            self.task = self.opened.enter_context(self.show(state.max_steps, state.global_step))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.task:
            self.task.advance(1, self.note)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        shown = {key: (logs or {}).get(key) for key in ("loss", "reward", "kl")}
        self.note = "  ".join(f"{key} {float(value):.3f}" for key, value in shown.items() if value is not None)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.wait()
        if state.is_world_process_zero:
            self.before_mark(state.global_step)
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / MARK).touch()


def fit(trainer: Any, show: Show, before_mark: Callable[[int], None] = lambda step: None) -> list[TrainingStep]:
    """Train, from the last checkpoint that counts if there is one; returns every logged step since the beginning.

    `before_mark` is called with the step when a checkpoint was saved and before it counts.
    """
    wait = trainer.accelerator.wait_for_everyone
    last = last_checkpoint(Path(trainer.args.output_dir))
    wait()
    if trainer.is_world_process_zero():
        _remove_all_but(last, Path(trainer.args.output_dir))
    wait()
    trainer.remove_callback(PrinterCallback)
    _keep_events(trainer)
    with ExitStack() as opened:  # whatever ends the training also ends its progress line
        trainer.add_callback(_Steps(show, before_mark, wait, opened))
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    return logged_steps(trainer.state)


def _keep_events(trainer: Any) -> None:
    """TensorBoard's files go beside the work folder, which goes when the stage is done, unless the environment says
    where (TENSORBOARD_LOGGING_DIR)."""
    for each in trainer.callback_handler.callbacks:
        if isinstance(each, TensorBoardCallback) and each.logging_dir is None:
            each.logging_dir = str(Path(trainer.args.output_dir).absolute().parents[1] / "tensorboard")


def logged_steps(state: Any) -> list[TrainingStep]:
    """Every step that a trainer has logged so far, those before a resume included."""
    return [_step(entry) for entry in state.log_history if "loss" in entry]


def last_checkpoint(folder: Path) -> Path | None:
    """The last checkpoint in `folder` that counts."""
    marked = [path for path in folder.glob("checkpoint-*") if (path / MARK).exists()]
    return max(marked, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _remove_all_but(last: Path | None, folder: Path) -> None:
    for path in folder.glob("checkpoint-*"):
        if path != last:  # half written or half removed: the trainer would count it among those it keeps
            shutil.rmtree(path)


def tokens_seen(trainer: Any) -> int:
    """How many tokens the trainer has trained on, those before a resume included."""
    return int(trainer.state.num_input_tokens_seen)


def _step(entry: dict[str, Any]) -> TrainingStep:
    def figure(key: str) -> float | None:
        return float(entry[key]) if entry.get(key) is not None else None

    return TrainingStep(
        step=int(entry["step"]),
        epoch=figure("epoch"),
        loss=figure("loss"),
        learning_rate=figure("learning_rate"),
        grad_norm=figure("grad_norm"),
        reward=figure("reward"),
        kl=figure("kl"),
        length=figure("completions/mean_length"),
    )


def single_device(arguments: Any) -> Any:
    """The trainer's arguments, kept to one device: without a launcher a trainer would spread over every GPU it sees."""
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1
    return arguments


def save_whole(model: Any, tokenizer: Any, target: Path, load_base: Callable[[], Any]) -> None:
    """Save the model and its tokenizer in float32, Hugging Face format, beside `target`, then rename.

    Adapters are merged into the base weights that `load_base` loads in float32, whatever they were trained over.
    """
    with tempfile.TemporaryDirectory() as adapter:
        adapted = hasattr(model, "merge_and_unload")
        if adapted:
            model.save_pretrained(adapter)
            model = _merged(load_base(), adapter)
        _write_whole(model, tokenizer, target, Path(adapter) if adapted else None)


def save_gathered(
    trainer: Any, tokenizer: Any, target: Path, gathered: Path, load: Callable[[str], Any], start: str
) -> None:
    """`save_whole` for a training that several processes share, each of which calls this.

    The trainer gathers what was trained at `gathered`, as its way of sharing needs; `load` loads a model's folder in
    float32, adapters go onto that of `start`. Raises InputError where the trainer cannot gather.
    """
    trainer.save_model(str(gathered))
    trainer.accelerator.wait_for_everyone()
    if trainer.is_world_process_zero():
        if not list(gathered.glob("*.safetensors")):
            raise InputError("accelerate_config: no whole model comes of it; set fsdp_state_dict_type: FULL_STATE_DICT")
        adapted = hasattr(trainer.model, "merge_and_unload")
        trained = _merged(load(start), str(gathered)) if adapted else load(str(gathered))
        _write_whole(trained, tokenizer, target, gathered if adapted else None)
    trainer.accelerator.wait_for_everyone()


def _merged(base: Any, adapter: str) -> Any:
    from peft import PeftModel

    return PeftModel.from_pretrained(base, adapter).merge_and_unload()


def lay_adapter(base: Any, tokenizer: Any, adapter: Path, target: Path) -> None:
    """Save the model `base` (float32) with `adapter` merged into it. Raises InputError where it does not fit."""
    from safetensors import SafetensorError

    try:
        model = _merged(base, str(adapter))
    except (RuntimeError, ValueError, KeyError, TypeError, OSError, SafetensorError) as error:
        problem = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"adapter '{adapter.name}': it does not fit this model: {problem:.200}") from None
    _write_whole(model, tokenizer, target, adapter)


def _write_whole(model: Any, tokenizer: Any, target: Path, adapter: Path | None) -> None:
    with whole(target) as beside:
        model.float().save_pretrained(beside)
        tokenizer.save_pretrained(beside)
        if adapter is not None:
            (beside / "adapter").mkdir()
            for name in (*ADAPTER_FILES, Path(HEAD).name):
                if (adapter / name).exists():
                    shutil.copyfile(adapter / name, beside / "adapter" / name)


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A folder to fill, which then takes the place of `target`."""
    beside = target.with_name(f".{target.name}.part")
    for old in (beside, target):
        shutil.rmtree(old, ignore_errors=True)
    beside.mkdir(parents=True)
    yield beside
    beside.rename(target)
