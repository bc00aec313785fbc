-- The requests of a file, one after the other; see load.py. A line: path, body, and header lines joined by \1.
local requests = {}
local pause = 0
local next_request = 0

function init(arguments)
  pause = tonumber(arguments[2])
  for line in io.lines(arguments[1]) do
    local path, body, lines = line:match("^([^\t]*)\t([^\t]*)\t(.*)$")
    local headers = {}
    for name, value in lines:gmatch("([^\1:]+): ([^\1]*)") do headers[name] = value end
    requests[#requests + 1] = wrk.format("POST", path, headers, body)
  end
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

function delay() return pause end

function done(summary, latency)
  io.write(string.format("result %d %d %d %d %d %d\n", summary.requests, summary.duration,
    summary.errors.status + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
