"""A tiny random language model with its tokenizer, made in a second: the real code paths, nothing learned."""

from __future__ import annotations

from pathlib import Path

_TEXT = [
    "How do I bake bread? Mix flour, water, salt and yeast, let it rest and bake it in a hot oven.",
    "Human: Assistant: CritiqueRequest: Critique: RevisionRequest: Revision: The answer is: (A) (B)",
    "I can't help with that, since it could hurt somebody. Here is a safer way to do what you want.",
    "Choose the response that is kinder and more honest. Rewrite the response without the harmful part.",
]
_TEMPLATE = (
    "{% for message in messages %}{{ '<|start|>' + message['role'] + '\n' + message['content'] + '<|end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start|>assistant\n' }}{% endif %}"
)


def make_tiny_model(folder: Path, *, chat: bool = True, width: int = 32) -> Path:
    """Save a 2-layer Llama with some 300 tokens, `width` wide, at `folder` in Hugging Face format."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<|pad|>", "<|start|>", "<|end|>"]
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        _TEXT, trainers.BpeTrainer(vocab_size=320, special_tokens=special, initial_alphabet=alphabet)
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<|start|>", eos_token="<|end|>", pad_token="<|pad|>"
    )
    if chat:
        tokenizer.chat_template = _TEMPLATE
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        tie_word_embeddings=True,
        initializer_range=0.3,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
