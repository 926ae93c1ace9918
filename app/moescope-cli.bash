# Completion for moescope-cli. The options are those that COMMAND --help lists.

_moescope_cli ()
{
  local cur prev words cword
  local commands="info tokenize logits generate profile heatmap experts super-experts massive-activations sinks attention contrast attribution routes evaluate compare mask sql export import bench"
  _init_completion || return

  if [[ $cword -eq 1 ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$cur")
    return
  fi

  case $prev in
    --format) mapfile -t COMPREPLY < <(compgen -W "text csv json" -- "$cur"); return ;;
    --cache) mapfile -t COMPREPLY < <(compgen -W "f16 f32" -- "$cur"); return ;;
    --thinking) mapfile -t COMPREPLY < <(compgen -W "on off" -- "$cur"); return ;;
    --kernels) mapfile -t COMPREPLY < <(compgen -W "auto plain" -- "$cur"); return ;;
    --probes) mapfile -t COMPREPLY < <(compgen -W "none all both" -- "$cur"); return ;;
    --layers) mapfile -t COMPREPLY < <(compgen -W "paper growth all" -- "$cur"); return ;;
    --reduction) mapfile -t COMPREPLY < <(compgen -W "all first-row" -- "$cur"); return ;;
    --view)
      mapfile -t COMPREPLY < <(compgen -W "ranking experts layers tail router published shares vectors" -- "$cur")
      return ;;
    --mode) mapfile -t COMPREPLY < <(compgen -W "zero refill drop mean copy" -- "$cur"); return ;;
    --pairs) mapfile -t COMPREPLY < <(compgen -W "all top1" -- "$cur"); return ;;
    --value) mapfile -t COMPREPLY < <(compgen -W "share lift tokens" -- "$cur"); return ;;
    --by) mapfile -t COMPREPLY < <(compgen -W "layer head" -- "$cur"); return ;;
    --score)
      mapfile -t COMPREPLY < <(compgen -W "prompt-rd rd paired-rd ftri stability utility npmi projection weight" -- "$cur")
      return ;;
    --layout) mapfile -t COMPREPLY < <(compgen -W "routes trace counts tokens" -- "$cur"); return ;;
    --span) mapfile -t COMPREPLY < <(compgen -W "prompt last answer thinking target all" -- "$cur"); return ;;
    --order) mapfile -t COMPREPLY < <(compgen -W "a b both" -- "$cur"); return ;;
    --disable-mode) mapfile -t COMPREPLY < <(compgen -W "refill drop zero" -- "$cur"); return ;;
    --picture) mapfile -t COMPREPLY < <(compgen -W "map scatter ranks shares kl experts refusal refusal:top kl:top refusal:strength kl:strength" -- "$cur"); return ;;
    --mask-phase) mapfile -t COMPREPLY < <(compgen -W "prompt answer both" -- "$cur"); return ;;
    --plot)
      mapfile -t COMPREPLY < <(compgen -W "perplexity sink_share max_h residual sinks" -- "$cur")
      return ;;
    --color-scale) mapfile -t COMPREPLY < <(compgen -W "linear sqrt log rank" -- "$cur"); return ;;
    --color-map) mapfile -t COMPREPLY < <(compgen -W "viridis cividis puor" -- "$cur"); return ;;
    --phase)
      mapfile -t COMPREPLY < <(compgen -W "all prompt-template prompt thinking answer teacher-forced" -- "$cur")
      return ;;
    --ranking) mapfile -t COMPREPLY < <(compgen -W "hits weight importance reap" -- "$cur"); return ;;
    --metric)
      mapfile -t COMPREPLY < <(compgen -W "share hits mean_weight max_down mean_down_norm importance reap similarity coactivation affinity recall srp srp-experts cache balance parallel tiles drops domains keep overlap" -- "$cur")
      return ;;
  esac

  if [[ ${words[1]} == mask && $cword -eq 2 ]]; then
    mapfile -t COMPREPLY < <(compgen -W "show check new convert preview" -- "$cur")
  elif [[ $cur == -* ]]; then
    local help=("${words[1]}")
    [[ ${words[1]} != mask ]] || help+=("${words[2]}")
    mapfile -t COMPREPLY < <(compgen -W "$("${words[0]}" "${help[@]}" --help 2>/dev/null \
      | grep -o -- '--[a-z0-9-]*')" -- "$cur")
  else
    _filedir
  fi
}
complete -F _moescope_cli moescope-cli
