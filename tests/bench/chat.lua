-- A chat completion for wrk: the body and the credential come from the environment, the figures go out as one JSON line.

local body_file = assert(io.open(os.getenv("BENCH_BODY"), "rb"))
wrk.body = body_file:read("*a")
body_file:close()
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. (os.getenv("BENCH_KEY") or "none")

-- More headers, as "name=value;name=value".
for name, value in (os.getenv("BENCH_HEADERS") or ""):gmatch("([^=;]+)=([^;]*)") do
  wrk.headers[name] = value
end

-- Looking at every answer costs much, so it is done only to find out why a load failed.
if os.getenv("BENCH_SHOW") then
  local shown = false
  function response(status, headers, body)
    if status ~= 200 and not shown then
      shown = true
      io.write(string.format("shown: %d %s\n", status, body:gsub("%s+", " ")))
    end
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, ' ..
    '"failures": {"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
