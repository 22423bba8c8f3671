#!/bin/sh
# Stands in for Claude Code: the prompt says what to do.
[ "$1" = --version ] && exec echo '2.1.332 (Claude Code)'
result() {
    echo "{\"type\":\"result\",\"subtype\":\"$1\",\"is_error\":$2,\"num_turns\":1,\"total_cost_usd\":$3,\"duration_ms\":100$4}"
}
tool() {
    echo '{"type":"assistant","message":{"id":"m","content":[{"type":"tool_use","id":"t","name":"Bash","input":{"command":"make all"}}]}}'
}
echo '{"type":"system","subtype":"init","model":"sonnet","session_id":"s"}'
read -r prompt
case $prompt in
*LIMIT*)
    echo '{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":4102444800,"rateLimitType":"five_hour"}}'
    result success true 0 ',"api_error_status":429'
    exit 1
    ;;
*LOGIN*)
    result success true 0 ',"api_error_status":401'
    exit 1
    ;;
*REFUSED*)
    result success true 0.01 ',"api_error_status":400,"result":"prompt is too long"'
    exit 1
    ;;
*DENIED*)
    result success false 0.25 ',"permission_denials":[{"tool_name":"WebFetch"}]'
    ;;
*WORK*)
    tool
    # An interrupt, or the end of the input.
    if read -r line; then result error_during_execution true 0.1 ''; fi
    ;;
*GATE*)
    tool
    until [ -e gate ]; do sleep 0.05; done
    result success false 0.25 ''
    ;;
*STUBBORN*)
    tool
    # An interrupt is ignored, a signal is not.
    sleep 1000
    ;;
*EXPENSIVE*)
    result error_max_budget_usd true 12.5 ''
    exit 1
    ;;
*)
    tool
    echo '{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t","content":"done"}]}}'
    echo '{"type":"assistant","message":{"id":"n","content":[{"type":"text","text":"All done."}]}}'
    result success false 0.25 ',"result":"All done."'
    ;;
esac
cat > /dev/null
