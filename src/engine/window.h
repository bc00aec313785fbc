// Windows: counters and sets over spans of event time, exactly mergeable, so that neither the order of
// records nor the number of threads can show in the result. A detector writes a small class of one entity in
// one window; `window<State>()` makes the engine's view of it.
//
//   class HostSweep {
//    public:
//     static bool select(const FlowRecord& flow);                      // cheap: runs on every record
//     static std::uint64_t entity(const FlowRecord& flow);             // hash of what the state belongs to
//     void add(const FlowRecord& flow, const ProofRecord& record);     // add and merge commute
//     void merge(const HostSweep& other);
//     void judge(const Judging& judging, Emit& emit) const;            // at most one detection for a window
//     template <class Ar> void io(Ar& ar);
//   };
//
// CloudTrail calls and audit events may be delivered twice: their states must not change when they are told
// the same record again (sets, not sums), and their subject is the state's to keep.
//
// With `.baseline` the state also names `struct Baseline { void fold(const State&); io }`: what was normal
// for the entity. A window is judged against the baseline as it stood at the end of the last window that
// ended at least the lateness before this one began, and folded when it closes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/archive.h"
#include "base/time.h"
#include "engine/evidence.h"
#include "event/audit_event.h"
#include "event/cloudtrail_event.h"
#include "event/dns_query.h"
#include "event/flow_record.h"
#include "state/facts.h"

namespace picket {

struct WindowSpan {
  TimeMs start = 0, end = 0;
};

// What a window may look at when it is judged.
struct Judging {
  WindowSpan window;
  std::string_view account, region;
  const Facts& facts;
};

// Where judge() puts its detection.
class Emit {
 public:
  virtual ~Emit() = default;
  // `subject` without account and region: the engine sets them.
  virtual void detection(Evidence evidence, Subject subject, std::uint64_t records, const ProofRecord& first,
                         const ProofRecord& last) = 0;
};

// Type-erased state of one entity in one window.
class WindowState {
 public:
  virtual ~WindowState() = default;
  virtual void merge(const WindowState& other) = 0;
  virtual void save(Writer& out) = 0;
  virtual void load(Reader& in) = 0;
  virtual std::size_t bytes() const = 0;
};

class BaselineState {
 public:
  virtual ~BaselineState() = default;
  virtual void save(Writer& out) = 0;
  virtual void load(Reader& in) = 0;
  virtual std::size_t bytes() const = 0;
};

struct WindowOptions {
  TimeMs span = 10 * minute_ms;       // windows are [n*span, (n+1)*span)
  std::size_t bytes_max = 64U << 20;  // of all entities' states together; beyond it, eviction
  std::string_view reason = {};       // where the span comes from
  // A window of fewer records says nothing, so it is not judged: most windows stay below.
  std::uint32_t records_min = 1;
};

class WindowLogic {
 public:
  explicit WindowLogic(WindowOptions options) : options(options) {}
  virtual ~WindowLogic() = default;
  virtual std::unique_ptr<WindowState> make_state() const = 0;
  virtual std::size_t state_bytes() const = 0;  // of a state without what it allocates
  virtual bool has_baseline() const = 0;
  virtual std::unique_ptr<BaselineState> make_baseline() const = 0;  // nullptr: no baseline
  virtual void judge(const WindowState& state, const BaselineState* baseline, const Judging& judging,
                     Emit& emit) const = 0;
  virtual void fold(BaselineState& baseline, const WindowState& state) const = 0;
  // A batch of flow records of one object: `proof` makes the proof of a record, `state` finds its state,
  // `touched` is told of every selected record.
  struct FlowBatch {
    std::span<const FlowRecord> records;
    std::uint64_t object = 0;          // hash of its key
    std::uint64_t records_before = 0;  // added to positions
    void* table = nullptr;             // the worker's window table
    WindowState& (*state)(void* table, const WindowLogic& logic, std::uint64_t entity, TimeMs window_start);
    void (*touched)(void* table, const FlowRecord& record);
  };
  virtual void add_flows(const FlowBatch& batch) const = 0;
  virtual void add_dns(const DnsQuery& query, const ProofRecord& proof, void* table,
                       WindowState& (*state)(void*, const WindowLogic&, std::uint64_t, TimeMs)) const = 0;

  // One CloudTrail call or audit event that the detector's trigger lets through.
  struct Place {
    std::uint64_t object = 0;  // hash of its key
    std::uint64_t position = 0;
    void* table = nullptr;
    WindowState& (*state)(void* table, const WindowLogic& logic, std::uint64_t entity, TimeMs window_start);
  };
  virtual void add_call(const CloudTrailEvent& call, const Place& place) const = 0;
  virtual void add_request(const AuditEvent& event, const Place& place) const = 0;

  TimeMs window_start(TimeMs time) const {
    const TimeMs rest = time % options.span;
    return time - rest - (rest < 0 ? options.span : 0);
  }
  const WindowOptions options;
};

namespace window_detail {

template <class S>
concept HasBaseline = requires { typename S::Baseline; };
template <class S>
concept OfFlows = requires(const FlowRecord& flow) { S::select(flow); };
template <class S>
concept OfDns = requires(const DnsQuery& query) { S::select(query); };

template <class S>
concept OfCalls = requires(const CloudTrailEvent& call) { S::select(call); };
template <class S>
concept OfRequests = requires(const AuditEvent& event) { S::select(event); };

template <class S>
struct Holder final : WindowState {
  S state;
  void merge(const WindowState& other) override { state.merge(static_cast<const Holder&>(other).state); }
  void save(Writer& out) override { out(state); }
  void load(Reader& in) override { in(state); }
  std::size_t bytes() const override {
    if constexpr (requires { state.bytes(); }) {
      return sizeof(*this) + state.bytes();
    } else {
      return sizeof(*this);
    }
  }
};

template <class B>
struct BaselineHolder final : BaselineState {
  B state;
  void save(Writer& out) override { out(state); }
  void load(Reader& in) override { in(state); }
  std::size_t bytes() const override {
    if constexpr (requires { state.bytes(); }) {
      return sizeof(*this) + state.bytes();
    } else {
      return sizeof(*this);
    }
  }
};

template <class S>
class Logic final : public WindowLogic {
 public:
  using WindowLogic::WindowLogic;
  std::unique_ptr<WindowState> make_state() const override { return std::make_unique<Holder<S>>(); }
  std::size_t state_bytes() const override { return sizeof(Holder<S>); }
  bool has_baseline() const override { return HasBaseline<S>; }
  std::unique_ptr<BaselineState> make_baseline() const override {
    if constexpr (HasBaseline<S>) {
      return std::make_unique<BaselineHolder<typename S::Baseline>>();
    } else {
      return nullptr;
    }
  }
  void judge(const WindowState& state, const BaselineState* baseline, const Judging& judging,
             Emit& emit) const override {
    const S& s = static_cast<const Holder<S>&>(state).state;
    if constexpr (HasBaseline<S>) {
      static const typename S::Baseline nothing{};
      using Known = BaselineHolder<typename S::Baseline>;
      s.judge(judging, baseline ? static_cast<const Known*>(baseline)->state : nothing, emit);
    } else {
      s.judge(judging, emit);
    }
  }
  void fold(BaselineState& baseline, const WindowState& state) const override {
    if constexpr (HasBaseline<S>) {
      static_cast<BaselineHolder<typename S::Baseline>&>(baseline).state.fold(
          static_cast<const Holder<S>&>(state).state);
    }
  }
  void add_flows(const FlowBatch& batch) const override {
    if constexpr (OfFlows<S>) {
      for (const FlowRecord& flow : batch.records) {
        if (!S::select(flow)) continue;
        batch.touched(batch.table, flow);
        WindowState& state = batch.state(batch.table, *this, S::entity(flow), window_start(flow.start_ms()));
        static_cast<Holder<S>&>(state).state.add(
            flow, ProofRecord{flow.start_ms(), batch.object, batch.records_before + flow.position, {}});
      }
    }
  }
  void add_dns(const DnsQuery& query, const ProofRecord& proof, void* table,
               WindowState& (*state)(void*, const WindowLogic&, std::uint64_t, TimeMs)) const override {
    if constexpr (OfDns<S>) {
      if (!S::select(query)) return;
      WindowState& found = state(table, *this, S::entity(query), window_start(query.query_timestamp));
      static_cast<Holder<S>&>(found).state.add(query, proof);
    }
  }
  void add_call(const CloudTrailEvent& call, const Place& place) const override {
    if constexpr (OfCalls<S>) add_to_state(call, call.event_time, call.event_id, place);
  }
  void add_request(const AuditEvent& event, const Place& place) const override {
    if constexpr (OfRequests<S>) {
      add_to_state(event, event.request_received_timestamp, event.audit_id, place);
    }
  }

 private:
  template <class Event>
  void add_to_state(const Event& event, TimeMs time, std::string_view id, const Place& place) const {
    if (!S::select(event)) return;
    WindowState& found = place.state(place.table, *this, S::entity(event), window_start(time));
    static_cast<Holder<S>&>(found).state.add(event, {time, place.object, place.position, std::string(id)});
  }
};

}  // namespace window_detail

}  // namespace picket
