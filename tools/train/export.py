"""Writes a checkpoint as an MLC package (q0f16: float16 tensors, nothing quantized).

    python3 export.py run/step_6000.pt run/tokenizer.json ../../models/ollm-tiny
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import torch

import tokenizer as bpe
from model import Config

SHARD = "params_shard_0.bin"


def model_config(config: Config) -> dict[str, Any]:
    return {
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_attention_heads": config.num_attention_heads,
        "num_hidden_layers": config.num_hidden_layers,
        "rms_norm_eps": config.rms_norm_eps,
        "vocab_size": config.vocab_size,
        "tie_word_embeddings": True,
        "position_embedding_base": int(config.rope_theta),
        "rope_scaling": None,
        "context_window_size": config.context_window_size,
        "prefill_chunk_size": config.context_window_size,
        "num_key_value_heads": config.num_key_value_heads,
        "head_dim": config.head_dim,
        "tensor_parallel_shards": 1,
        "pipeline_parallel_stages": 1,
        "max_batch_size": 128,
    }


def chat_config(config: Config, tokenizer: bpe.Tokenizer) -> dict[str, Any]:
    end, pad = tokenizer.end_of_turn, tokenizer.ids["<|endoftext|>"]
    return {
        "version": "0.1.0",
        "model_type": "llama",
        "quantization": "q0f16",
        "model_config": model_config(config),
        "vocab_size": config.vocab_size,
        "context_window_size": config.context_window_size,
        "sliding_window_size": -1,
        "prefill_chunk_size": config.context_window_size,
        "attention_sink_size": -1,
        "tensor_parallel_shards": 1,
        "pipeline_parallel_stages": 1,
        "temperature": 0.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "repetition_penalty": 1.0,
        "top_p": 1.0,
        "tokenizer_files": ["tokenizer.json", "tokenizer_config.json"],
        "tokenizer_info": {
            "token_postproc_method": "byte_level",
            "prepend_space_in_encode": False,
            "strip_space_in_decode": False,
        },
        "conv_template": {
            "name": "chatml",
            "system_template": "<|im_start|>system\n{system_message}<|im_end|>\n",
            "system_message": "You are a helpful assistant.",
            "system_prefix_token_ids": None,
            "add_role_after_system_message": True,
            "roles": {"user": "<|im_start|>user", "assistant": "<|im_start|>assistant", "tool": "<|im_start|>tool"},
            "role_templates": {
                "user": "{user_message}",
                "assistant": "{assistant_message}",
                "tool": "<tool_response>\n{tool_message}\n</tool_response>",
            },
            "messages": [],
            "seps": ["<|im_end|>\n"],
            "role_content_sep": "\n",
            "role_empty_sep": "\n",
            "stop_str": ["<|im_end|>"],
            "stop_token_ids": [end, pad],
            "function_string": "",
            "use_function_calling": False,
        },
        "pad_token_id": pad,
        "bos_token_id": pad,
        "eos_token_id": [end, pad],
    }


def tensors(state: dict[str, torch.Tensor]) -> list[tuple[str, torch.Tensor]]:
    return [(name, value.to(torch.float16).contiguous()) for name, value in state.items()]


def export(checkpoint: Path, tokenizer_file: Path, out: Path) -> None:
    saved = torch.load(checkpoint, map_location="cpu")
    config = Config(**saved["config"])
    tokenizer = bpe.load(tokenizer_file)
    out.mkdir(parents=True, exist_ok=True)
    data = bytearray()
    records: list[dict[str, Any]] = []
    for name, value in tensors(saved["model"]):
        raw = value.numpy().tobytes()
        records.append(
            {
                "name": name,
                "shape": list(value.shape),
                "dtype": "float16",
                "format": "f32-to-bf16",
                "nbytes": len(raw),
                "byteOffset": len(data),
            }
        )
        data += raw
    count = len(data) // 2
    shard = {
        "dataPath": SHARD,
        "format": "raw-shard",
        "nbytes": len(data),
        "records": records,
        "md5sum": hashlib.md5(data).hexdigest(),
    }
    metadata = {"ParamSize": len(records), "ParamBytes": len(data), "BitsPerParam": 16.0}
    (out / SHARD).write_bytes(data)
    write(out / "tensor-cache.json", {"metadata": metadata, "records": [shard]})
    write(out / "mlc-chat-config.json", chat_config(config, tokenizer))
    write(out / "tokenizer.json", tokenizer.to_json(), indent=None)
    write(out / "tokenizer_config.json", tokenizer.config_json(config.context_window_size))
    print(f"{count} parameters, {saved['tokens']} tokens trained, step {saved['step']}")


def write(path: Path, value: dict[str, Any], indent: int | None = 2) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    export(args.checkpoint, args.tokenizer, args.out)
