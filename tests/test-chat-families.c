/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-chat-families"

#include <string.h>

#include <glib/gstdio.h>

#include "probes/moe-chat.h"
#include "tests/support/moe-test-vocabulary.h"

/* Templates with the marks and the turns of speech of families of mixture-of-experts models, written for this
 * test, on 3 February 2026. What is expected is what Python's jinja2 3.1 makes of them. */
typedef struct
{
  const char *family, *template;
  gboolean    has_switch; /* for thinking */
  const char *one;        /* a single question */
  const char *several;    /* system message, question, answer with thinking, question */
  const char *on, *off;   /* a single question with thinking on and off; NULL without a switch */
} Family;

static const Family families[] = {
  { "gpt-oss",
    "{%- macro system() -%}\n"
    "    {{- \"You are a language model.\\nCurrent date: \" + strftime_now(\"%Y-%m-%d\") +"
    " \"\\n\\n\" -}}\n"
    "    {%- if reasoning_effort is not defined %}{%- set reasoning_effort = \"medium\" %}{%-"
    " endif %}\n"
    "    {{- \"Reasoning: \" + reasoning_effort + \"\\n\\n# Channels: analysis, commentary,"
    " final.\" -}}\n{%- endmacro -%}\n"
    "{{- \"<|start|>system<|message|>\" + system() + \"<|end|>\" -}}\n"
    "{%- if messages[0].role in [\"developer\", \"system\"] %}\n"
    "    {{- \"<|start|>developer<|message|># Instructions\\n\\n\" + messages[0].content +"
    " \"<|end|>\" }}\n    {%- set loop_messages = messages[1:] %}\n"
    "{%- else %}{%- set loop_messages = messages %}{%- endif %}\n"
    "{%- for message in loop_messages -%}\n    {%- if message.role == \"assistant\" %}\n"
    "        {{- \"<|start|>assistant<|channel|>final<|message|>\" + message.content +"
    " (\"<|end|>\" if not loop.last else \"<|return|>\") }}\n"
    "    {%- elif message.role == \"user\" -%}\n"
    "        {{- \"<|start|>user<|message|>\" + message.content + \"<|end|>\" }}\n"
    "    {%- endif -%}\n{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}<|start|>assistant{%- endif -%}",
    FALSE,
    "<|start|>system<|message|>You are a language model.\nCurrent date: 2026-02-03\n\n"
    "Reasoning: medium\n\n"
    "# Channels: analysis, commentary, final.<|end|><|start|>user<|message|>And\n"
    "then?<|end|><|start|>assistant",
    "<|start|>system<|message|>You are a language model.\nCurrent date: 2026-02-03\n\n"
    "Reasoning: medium\n\n"
    "# Channels: analysis, commentary, final.<|end|><|start|>developer<|message|># Instructions\n\n"
    "Be brief.<|end|><|start|>user<|message|> Why?"
    " <|end|><|start|>assistant<|channel|>final<|message|><think>\nhm\n</think>\n\n"
    "Because.<|end|><|start|>user<|message|>And\nthen?<|end|><|start|>assistant",
    NULL, NULL },
  { "granite",
    "{%- if messages[0]['role'] == 'system' %}\n"
    "    {%- set system_message = messages[0]['content'] %}{%- set loop_messages = messages[1:] %}\n"
    "{%- else %}\n    {%- set system_message = \"Knowledge ends in April 2024.\\nToday's Date: \" +"
    " strftime_now('%B %d, %Y') + \".\" %}\n"
    "    {%- if thinking %}{%- set system_message = system_message + \" Think first, between"
    " <think> and </think>.\" %}{%- endif %}\n    {%- set loop_messages = messages %}\n"
    "{%- endif %}\n"
    "{{- '<|start_of_role|>system<|end_of_role|>' + system_message + '<|end_of_text|>\\n' }}\n"
    "{%- for message in loop_messages %}\n"
    "    {{- '<|start_of_role|>' + message['role'] + '<|end_of_role|>' + message['content'] +"
    " '<|end_of_text|>\\n' }}\n    {%- if loop.last and add_generation_prompt %}\n"
    "        {{- '<|start_of_role|>assistant' }}{{- '<|end_of_role|>' }}\n    {%- endif %}\n"
    "{%- endfor %}",
    TRUE,
    "<|start_of_role|>system<|end_of_role|>Knowledge ends in April 2024.\n"
    "Today's Date: February 03, 2026.<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>And\n"
    "then?<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>",
    "<|start_of_role|>system<|end_of_role|>Be brief.<|end_of_text|>\n"
    "<|start_of_role|>user<|end_of_role|> Why? <|end_of_text|>\n"
    "<|start_of_role|>assistant<|end_of_role|><think>\nhm\n</think>\n\nBecause.<|end_of_text|>\n"
    "<|start_of_role|>user<|end_of_role|>And\nthen?<|end_of_text|>\n"
    "<|start_of_role|>assistant<|end_of_role|>",
    "<|start_of_role|>system<|end_of_role|>Knowledge ends in April 2024.\n"
    "Today's Date: February 03, 2026. Think first, between <think> and </think>.<|end_of_text|>\n"
    "<|start_of_role|>user<|end_of_role|>And\nthen?<|end_of_text|>\n"
    "<|start_of_role|>assistant<|end_of_role|>",
    "<|start_of_role|>system<|end_of_role|>Knowledge ends in April 2024.\n"
    "Today's Date: February 03, 2026.<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>And\n"
    "then?<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>" },
  { "llama-4",
    "{{- bos_token }}\n{%- if not date_string is defined %}\n"
    "    {%- if strftime_now is defined %}{%- set date_string = strftime_now(\"%d %b %Y\") %}\n"
    "    {%- else %}{%- set date_string = \"26 Jul 2024\" %}{%- endif %}\n{%- endif %}\n"
    "{%- if messages[0]['role'] == 'system' %}\n"
    "    {%- set system_message = messages[0]['content']|trim %}{%- set messages = messages[1:] %}\n"
    "{%- else %}{%- set system_message = \"Today is \" ~ date_string %}{%- endif %}\n"
    "{{- \"<|header_start|>system<|header_end|>\\n\\n\" + system_message + \"<|eot|>\" }}\n"
    "{%- for message in messages %}\n"
    "    {{- '<|header_start|>' + message['role'] + '<|header_end|>\\n\\n' + message['content']"
    " | trim + '<|eot|>' }}\n{%- endfor %}\n"
    "{%- if add_generation_prompt %}{{- '<|header_start|>assistant<|header_end|>\\n\\n' }}{%-"
    " endif %}",
    FALSE,
    "<|endoftext|><|header_start|>system<|header_end|>\n\n"
    "Today is 03 Feb 2026<|eot|><|header_start|>user<|header_end|>\n\nAnd\n"
    "then?<|eot|><|header_start|>assistant<|header_end|>\n\n",
    "<|endoftext|><|header_start|>system<|header_end|>\n\n"
    "Be brief.<|eot|><|header_start|>user<|header_end|>\n\n"
    "Why?<|eot|><|header_start|>assistant<|header_end|>\n\n<think>\nhm\n</think>\n\n"
    "Because.<|eot|><|header_start|>user<|header_end|>\n\nAnd\n"
    "then?<|eot|><|header_start|>assistant<|header_end|>\n\n",
    NULL, NULL },
  { "deepseek",
    "{% if not thinking is defined %}{% set thinking = enable_thinking | default(false) %}{%"
    " endif %}\n{%- set ns = namespace(system='', first=true) -%}\n"
    "{%- for message in messages %}{%- if message['role'] == 'system' %}\n"
    "    {%- if ns.first %}{%- set ns.system = message['content'] %}{%- set ns.first = false %}\n"
    "    {%- else %}{%- set ns.system = ns.system + '\\n\\n' + message['content'] %}{%- endif %}\n"
    "{%- endif %}{%- endfor -%}\n{{ bos_token }}{{ ns.system }}\n{%- for message in messages %}\n"
    "    {%- if message['role'] == 'user' %}{{ '<|User|>' + message['content'] }}\n"
    "    {%- elif message['role'] == 'assistant' %}\n"
    "        {%- set content = message['content'] %}\n"
    "        {%- if '</think>' in content %}{%- set content = content.split('</think>', 1)[1]"
    " %}{%- endif %}\n        {{- '<|Assistant|></think>' + content + eos_token }}\n"
    "    {%- endif %}\n{%- endfor -%}\n"
    "{%- if add_generation_prompt %}{{ '<|Assistant|>' }}{{ '<think>' if thinking else"
    " '</think>' }}{% endif %}",
    TRUE,
    "<|endoftext|><|User|>And\nthen?<|Assistant|></think>",
    "<|endoftext|>Be brief.<|User|> Why? <|Assistant|></think>\n\nBecause.<|im_end|><|User|>And\n"
    "then?<|Assistant|></think>",
    "<|endoftext|><|User|>And\nthen?<|Assistant|><think>",
    "<|endoftext|><|User|>And\nthen?<|Assistant|></think>" },
  { "phi",
    "{% for message in messages %}{% if message['role'] == 'system' and message['content']"
    " %}{{'<|system|>\\n' + message['content'] + '<|end|>\\n'}}{% elif message['role'] == 'user'"
    " %}{{'<|user|>\\n' + message['content'] + '<|end|>\\n'}}{% elif message['role'] =="
    " 'assistant' %}{{'<|assistant|>\\n' + message['content'] + '<|end|>\\n'}}{% endif %}{%"
    " endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{%"
    " endif %}",
    FALSE,
    "<|user|>\nAnd\nthen?<|end|>\n<|assistant|>\n",
    "<|system|>\nBe brief.<|end|>\n<|user|>\n Why? <|end|>\n<|assistant|>\n<think>\nhm\n</think>\n\n"
    "Because.<|end|>\n<|user|>\nAnd\nthen?<|end|>\n<|assistant|>\n",
    NULL, NULL },
  { "glm",
    "[gMASK]<sop>\n{%- set ns = namespace(last_user_index=-1) %}\n"
    "{%- for m in messages %}{%- if m.role == 'user' %}{%- set ns.last_user_index = loop.index0"
    " -%}{%- endif %}{%- endfor %}\n{% for m in messages %}\n{%- if m.role == 'user' -%}<|user|>\n"
    "{{ m.content }}\n{{- '/nothink' if (enable_thinking is defined and not enable_thinking and not"
    " m.content.endswith(\"/nothink\")) else '' -}}\n"
    "{%- elif m.role == 'assistant' -%}<|assistant|>\n{%- set content = m.content %}\n"
    "{%- if '</think>' in content %}\n    {%- set reasoning ="
    " content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}\n"
    "    {%- set content = content.split('</think>')[-1].lstrip('\\n') %}\n{%- endif %}\n"
    "{%- if loop.index0 > ns.last_user_index and reasoning -%}{{ '\\n<think>' +"
    " reasoning.strip() +  '</think>'}}\n{%- else -%}{{ '\\n<think></think>' }}{%- endif -%}\n"
    "{%- if content.strip() -%}{{ '\\n' + content.strip() }}{%- endif -%}\n"
    "{%- elif m.role == 'system' -%}<|system|>\n{{ m.content }}\n{%- endif -%}\n{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}<|assistant|>{{- '\\n<think></think>' if (enable_thinking"
    " is defined and not enable_thinking) else '' -}}{%- endif -%}",
    TRUE,
    "[gMASK]<sop><|user|>\nAnd\nthen?<|assistant|>",
    "[gMASK]<sop><|system|>\nBe brief.<|user|>\n Why? <|assistant|>\n<think></think>\n"
    "Because.<|user|>\nAnd\nthen?<|assistant|>",
    "[gMASK]<sop><|user|>\nAnd\nthen?<|assistant|>",
    "[gMASK]<sop><|user|>\nAnd\nthen?/nothink<|assistant|>\n<think></think>" },
  { "bailing",
    "{% set thinking_option = 'on' if enable_thinking | default(false) else 'off' %}\n"
    "{{- '<role>SYSTEM</role>' }}\n"
    "{%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n' }}{%- endif %}\n"
    "{{- 'detailed thinking ' + thinking_option + '<|role_end|>' }}\n"
    "{%- for message in messages %}\n"
    "    {%- if (message.role == \"user\") or (message.role == \"system\" and not loop.first) %}\n"
    "        {{- '<role>HUMAN</role>' + message.content + '<|role_end|>' }}\n"
    "    {%- elif message.role == \"assistant\" %}\n"
    "        {{- '<role>ASSISTANT</role>' + (message.content.split('</think>') |"
    " last).lstrip('\\n') + '<|role_end|>' }}\n    {%- endif %}\n{%- endfor %}\n"
    "{%- if add_generation_prompt %}{{- '<role>ASSISTANT</role>' }}{%- endif %}",
    TRUE,
    "<role>SYSTEM</role>detailed thinking off<|role_end|><role>HUMAN</role>And\n"
    "then?<|role_end|><role>ASSISTANT</role>",
    "<role>SYSTEM</role>Be brief.\ndetailed thinking off<|role_end|><role>HUMAN</role> Why?"
    " <|role_end|><role>ASSISTANT</role>Because.<|role_end|><role>HUMAN</role>And\n"
    "then?<|role_end|><role>ASSISTANT</role>",
    "<role>SYSTEM</role>detailed thinking on<|role_end|><role>HUMAN</role>And\n"
    "then?<|role_end|><role>ASSISTANT</role>",
    "<role>SYSTEM</role>detailed thinking off<|role_end|><role>HUMAN</role>And\n"
    "then?<|role_end|><role>ASSISTANT</role>" },
  { "ernie",
    "{{- '<|begin_of_sentence|>' }}\n{%- for message in messages %}\n"
    "    {%- if message.role == 'system' %}{{- message.content + '\\n' }}\n"
    "    {%- elif message.role == 'user' %}{{- 'User: ' ~ message.content ~ '\\n' }}\n"
    "    {%- elif message.role == 'assistant' %}{{- 'Assistant: ' ~ message.content ~"
    " '<|end_of_sentence|>' }}\n    {%- else %}{{- raise_exception('no such role') }}{%- endif %}\n"
    "{%- endfor %}\n{%- if add_generation_prompt %}{{- 'Assistant: ' }}{%- endif %}",
    FALSE,
    "<|begin_of_sentence|>User: And\nthen?\nAssistant: ",
    "<|begin_of_sentence|>Be brief.\nUser:  Why? \nAssistant: <think>\nhm\n</think>\n\n"
    "Because.<|end_of_sentence|>User: And\nthen?\nAssistant: ",
    NULL, NULL },
  { "hunyuan",
    "{% set context = {'has_head': true} %}{% set loop_messages = messages %}\n"
    "{%- for message in loop_messages %}\n    {%- set content = message['content'] %}\n"
    "    {%- if loop.index0 == 0 %}\n"
    "        {%- if message['role'] == 'user' %}{%- set content = '<|startoftext|>' + content +"
    " '<|extra_0|>' %}\n"
    "        {%- else %}{%- set content = '<|startoftext|>' + content + '<|extra_4|>' %}{%-"
    " endif %}\n    {%- elif message['role'] == 'user' %}\n"
    "        {%- if loop.index0 == 1 and context.has_head %}{%- set content = content +"
    " '<|extra_0|>' %}\n"
    "        {%- else %}{%- set content = '<|startoftext|>' + content + '<|extra_0|>' %}{%-"
    " endif %}\n"
    "    {%- elif message['role'] == 'assistant' %}{%- set content = content + '<|eos|>' %}{%-"
    " endif %}\n    {{- content }}\n{%- endfor %}\n"
    "{%- if enable_thinking is defined and not enable_thinking %}{{- '<think>\\n\\n</think>\\n'"
    " }}{%- endif %}",
    TRUE,
    "<|startoftext|>And\nthen?<|extra_0|>",
    "<|startoftext|>Be brief.<|extra_4|> Why? <|extra_0|><think>\nhm\n</think>\n\n"
    "Because.<|eos|><|startoftext|>And\nthen?<|extra_0|>",
    "<|startoftext|>And\nthen?<|extra_0|>",
    "<|startoftext|>And\nthen?<|extra_0|><think>\n\n</think>\n" },
  { "dots",
    "{% if messages[0]['role'] == 'system' %}<|system|>{{ messages[0]['content']"
    " }}<|endofsystem|>{% set start_idx = 1 %}{% else %}<|system|>You are a helpful"
    " assistant.<|endofsystem|>{% set start_idx = 0 %}{% endif %}{% for idx in range(start_idx,"
    " messages|length) %}{% if messages[idx]['role'] == 'user' %}<|userprompt|>{{"
    " messages[idx]['content'] }}<|endofuserprompt|>{% elif messages[idx]['role'] == 'assistant'"
    " %}<|response|>{{ messages[idx]['content'] }}<|endofresponse|>{% endif %}{% endfor %}{% if"
    " add_generation_prompt and messages[-1]['role'] == 'user' %}<|response|>{% endif %}",
    FALSE,
    "<|system|>You are a helpful assistant.<|endofsystem|><|userprompt|>And\n"
    "then?<|endofuserprompt|><|response|>",
    "<|system|>Be brief.<|endofsystem|><|userprompt|> Why? <|endofuserprompt|><|response|><think>\n"
    "hm\n</think>\n\nBecause.<|endofresponse|><|userprompt|>And\n"
    "then?<|endofuserprompt|><|response|>",
    NULL, NULL },
  { "minimax",
    "{%- macro visible(content) -%}{{ content if content is string else '' }}{%- endmacro -%}\n"
    "{{- ']~!b[' ~ ']~b]system' ~ '\\n' ~ (visible(messages[0].content) if messages[0].role =="
    " 'system' else 'You are a helpful assistant.') ~ '[e~[\\n' }}\n{%- for message in messages %}\n"
    "    {%- if message.role == 'assistant' %}\n"
    "        {%- set content = visible(message.content) %}\n"
    "        {%- if '</think>' in content %}{%- set content ="
    " content.split('</think>')[-1].strip('\\n') %}{%- endif %}\n"
    "        {{- ']~b]ai' ~ '\\n' ~ content ~ '[e~[\\n' }}\n"
    "    {%- elif message.role == 'user' %}{{- ']~b]user' ~ '\\n' ~ visible(message.content) ~"
    " '[e~[\\n' }}{%- endif %}\n{%- endfor %}\n"
    "{%- if add_generation_prompt %}{{- ']~b]ai' ~ '\\n' ~ '<think>' ~ '\\n' }}{%- endif %}",
    FALSE,
    "]~!b[]~b]system\nYou are a helpful assistant.[e~[\n]~b]user\nAnd\nthen?[e~[\n]~b]ai\n<think>\n",
    "]~!b[]~b]system\nBe brief.[e~[\n]~b]user\n Why? [e~[\n]~b]ai\nBecause.[e~[\n]~b]user\nAnd\n"
    "then?[e~[\n]~b]ai\n<think>\n",
    NULL, NULL },
  { "lfm2",
    "{{- bos_token -}}\n"
    "{%- set system_prompt = \"\" -%}{%- set ns = namespace(system_prompt=\"\") -%}\n"
    "{%- if messages[0][\"role\"] == \"system\" -%}\n"
    "    {%- set ns.system_prompt = messages[0][\"content\"] -%}{%- set messages = messages[1:] -%}\n"
    "{%- endif -%}\n{%- if ns.system_prompt -%}{{- \"<|im_start|>system\\n\" + ns.system_prompt +"
    " \"<|im_end|>\\n\" -}}{%- endif -%}\n{%- for message in messages -%}\n"
    "    {{- \"<|im_start|>\" + message[\"role\"] + \"\\n\" -}}{{- message[\"content\"] +"
    " \"<|im_end|>\\n\" -}}\n{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}{{- \"<|im_start|>assistant\\n\" -}}{%- endif -%}",
    FALSE,
    "<|endoftext|><|im_start|>user\nAnd\nthen?<|im_end|>\n<|im_start|>assistant\n",
    "<|endoftext|><|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n Why? <|im_end|>\n"
    "<|im_start|>assistant\n<think>\nhm\n</think>\n\nBecause.<|im_end|>\n<|im_start|>user\nAnd\n"
    "then?<|im_end|>\n<|im_start|>assistant\n",
    NULL, NULL },
  { "kimi",
    "{%- for idx in range(messages|length-1, -1, -1) -%}{%- if messages[idx].role == 'user'"
    " -%}{%- set last = idx -%}{%- break -%}{%- endif -%}{%- endfor -%}\n"
    "{%- for message in messages -%}\n    {%- if loop.first and messages[0]['role'] != 'system'"
    " -%}<|im_system|>system<|im_middle|>You are a helpful assistant.<|im_end|>{%- endif -%}\n"
    "    {%- if message['role'] == 'system' -%}<|im_system|>system<|im_middle|>\n"
    "    {%- elif message['role'] == 'user' -%}<|im_user|>user<|im_middle|>\n"
    "    {%- else -%}<|im_assistant|>assistant<|im_middle|>{%- endif -%}\n"
    "    {{- message['content'] -}}<|im_end|>\n{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}<|im_assistant|>assistant<|im_middle|>{%- endif -%}",
    FALSE,
    "<|im_system|>system<|im_middle|>You are a helpful"
    " assistant.<|im_end|><|im_user|>user<|im_middle|>And\n"
    "then?<|im_end|><|im_assistant|>assistant<|im_middle|>",
    "<|im_system|>system<|im_middle|>Be brief.<|im_end|><|im_user|>user<|im_middle|> Why?"
    " <|im_end|><|im_assistant|>assistant<|im_middle|><think>\nhm\n</think>\n\n"
    "Because.<|im_end|><|im_user|>user<|im_middle|>And\n"
    "then?<|im_end|><|im_assistant|>assistant<|im_middle|>",
    NULL, NULL },
  { "gemma4",
    "{{- bos_token -}}\n{%- macro strip_thinking(text) -%}\n"
    "    {%- set ns = namespace(result='') -%}\n    {%- for part in text.split('</think>') -%}\n"
    "        {%- if '<think>' in part -%}{%- set ns.result = ns.result +"
    " part.split('<think>')[0] -%}\n"
    "        {%- else -%}{%- set ns.result = ns.result + part -%}{%- endif -%}\n"
    "    {%- endfor -%}{{- ns.result | trim -}}\n{%- endmacro -%}\n"
    "{%- if (enable_thinking is defined and enable_thinking) or messages[0]['role'] in"
    " ['system', 'developer'] -%}\n    {{- '<|turn>system\\n' -}}\n"
    "    {%- if enable_thinking is defined and enable_thinking -%}{{- '<|think|>\\n' -}}{%-"
    " endif -%}\n"
    "    {%- if messages[0]['role'] in ['system', 'developer'] -%}{{- messages[0]['content'] |"
    " trim -}}{%- endif -%}\n    {{- '<turn|>\\n' -}}\n{%- endif -%}\n"
    "{%- for message in messages if message['role'] != 'system' -%}\n"
    "    {%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}\n"
    "    {{- '<|turn>' + role + '\\n' -}}\n"
    "    {{- strip_thinking(message['content']) if role == 'model' else message['content'] |"
    " trim -}}{{- '<turn|>\\n' -}}\n{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}{{- '<|turn>model\\n' -}}\n"
    "    {%- if not enable_thinking | default(false) -%}{{- '<think></think>' -}}{%- endif -%}\n"
    "{%- endif -%}",
    TRUE,
    "<|endoftext|><|turn>user\nAnd\nthen?<turn|>\n<|turn>model\n<think></think>",
    "<|endoftext|><|turn>system\nBe brief.<turn|>\n<|turn>user\nWhy?<turn|>\n<|turn>model\n"
    "Because.<turn|>\n<|turn>user\nAnd\nthen?<turn|>\n<|turn>model\n<think></think>",
    "<|endoftext|><|turn>system\n<|think|>\n<turn|>\n<|turn>user\nAnd\nthen?<turn|>\n<|turn>model\n",
    "<|endoftext|><|turn>user\nAnd\nthen?<turn|>\n<|turn>model\n<think></think>" },
};

static const MoeChatMessage conversation[] = {
  { "system", "Be brief." },
  { "user", " Why? " },
  { "assistant", "<think>\nhm\n</think>\n\nBecause." },
  { "user", "And\nthen?" },
};

static void
check (MoeChat              *chat,
       const MoeTokenizer   *tokenizer,
       const MoeChatMessage *messages,
       guint                 n,
       const char           *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeChatPrompt) prompt = moe_chat_render (chat, tokenizer, messages, n, &error);
  g_autoptr (GString) asked = g_string_new (NULL);

  g_assert_no_error (error);
  g_assert_cmpstr (prompt->text, ==, expected);
  /* The question is the end of what the messages say; a template may trim it. */
  for (gsize i = 0; i < prompt->n_tokens; i++)
    {
      gsize length;
      const char *text = moe_tokenizer_get_text (tokenizer, prompt->tokens[i], &length);

      if (prompt->phases[i] == MOE_PHASE_PROMPT)
        g_string_append_len (asked, text, (gssize) length);
    }
  g_assert_nonnull (strstr (asked->str, "And\nthen?"));
}

static void
test_family (gconstpointer data)
{
  const Family *family = data;
  g_autoptr (MoeGgufWriter) writer = moe_gguf_writer_new (3);
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  const int fd = g_file_open_tmp ("moe-test-XXXXXX.gguf", &path, &error);
  MoeTokenizer *tokenizer;
  MoeGguf *gguf;
  MoeChat *chat;
  GDate date;

  g_assert_no_error (error);
  g_close (fd, NULL);
  moe_test_vocabulary_add_bpe (writer, "qwen2");
  moe_gguf_writer_add_string (writer, "tokenizer.chat_template", family->template);
  moe_gguf_writer_save (writer, path, &error);
  g_assert_no_error (error);
  gguf = moe_gguf_open (path, &error);
  g_assert_no_error (error);
  g_unlink (path);
  tokenizer = moe_tokenizer_new (gguf, &error);
  g_assert_no_error (error);
  chat = moe_chat_new (gguf, &error);
  g_assert_no_error (error);

  g_date_clear (&date, 1);
  g_date_set_dmy (&date, 3, G_DATE_FEBRUARY, 2026);
  moe_chat_set_date (chat, &date);
  check (chat, tokenizer, conversation + 3, 1, family->one);
  check (chat, tokenizer, conversation, 4, family->several);
  g_assert_cmpint (moe_chat_set_thinking (chat, MOE_THINKING_ON, NULL), ==, family->has_switch);
  if (family->has_switch)
    {
      check (chat, tokenizer, conversation + 3, 1, family->on);
      g_assert_true (moe_chat_set_thinking (chat, MOE_THINKING_OFF, &error));
      check (chat, tokenizer, conversation + 3, 1, family->off);
    }

  moe_chat_free (chat);
  moe_tokenizer_unref (tokenizer);
  moe_gguf_unref (gguf);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (families); i++)
    {
      g_autofree char *name = g_strconcat ("/chat-families/", families[i].family, NULL);

      g_test_add_data_func (name, &families[i], test_family);
    }
  return g_test_run ();
}
