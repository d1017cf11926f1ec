-- Model calls for wrk: each connection asks, waits for its answer and pauses, so that together they offer a steady rate.
-- The credential, the body and the mean pause come from the environment; counts by status go out as one JSON line.

local body_file = assert(io.open(os.getenv("FLOOD_BODY"), "rb"))
wrk.body = body_file:read("*a")
body_file:close()
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("FLOOD_KEY")

local pause_ms = tonumber(os.getenv("FLOOD_PAUSE_MS"))
if pause_ms > 0 then
  function delay()
    return math.random(0, math.floor(2 * pause_ms))
  end
end

served, refused, bare, others = 0, 0, 0, 0

function response(status, headers, body)
  if status == 200 then
    served = served + 1
  elseif status == 503 then
    refused = refused + 1
    if not headers["retry-after"] then
      bare = bare + 1
    end
  else
    others = others + 1
  end
end

local workers = {}

function setup(worker)
  table.insert(workers, worker)
end

function done(summary, latency, requests)
  local counts = {served = 0, refused = 0, bare = 0, others = 0}
  for _, worker in ipairs(workers) do
    for name in pairs(counts) do
      counts[name] = counts[name] + worker:get(name)
    end
  end
  local errors = summary.errors
  io.write(string.format(
    '{"served": %d, "refused": %d, "bare": %d, "others": %d, "lost": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f}\n',
    counts.served, counts.refused, counts.bare, counts.others,
    errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
