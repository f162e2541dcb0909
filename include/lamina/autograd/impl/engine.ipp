// The tape and its iterative walk.
#include <algorithm>
#include <atomic>
#include <map>
#include <set>

#include "lamina/autograd/impl/observers.hpp"
#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/arithmetic.hpp"

namespace lamina {
namespace autograd {
namespace {

thread_local bool recording = true;

std::uint64_t next_sequence() {
  static std::atomic<std::uint64_t> counter{1};
  return counter.fetch_add(1, std::memory_order_relaxed);
}

/// Sums gradients. A buffer that nobody else can see is added into; anything else (a slice of dy, say) is copied first.
class Accumulator {
 public:
  void add(Tensor g) {
    if (!sum_) {
      sum_ = std::move(g);
      return;
    }
    const bool mine = sum_.impl().use_count() == 1 && sum_.storage().unique() && sum_.contiguous();
    Tensor out = mine ? sum_ : Tensor::empty(sum_.shape(), like(sum_));
    dispatch(out, [&]<class T>(auto& device) { kernels::add<T>(device, sum_.view2<const T>(), g.view2<const T>(), out.view2<T>()); });
    sum_ = std::move(out);
  }
  Tensor take() { return std::move(sum_); }

 private:
  Tensor sum_;
};

/// Counts the edges of a graph that lead to each leaf, so that observers learn when a gradient is complete. Idle when there are none.
class LeafCounts {
 public:
  explicit LeafCounts(const Node::Edge& root) {
    if (!ObserverScope::active()) return;
    std::set<const Node*> seen;
    std::vector<const Node*> open;
    const auto visit = [&](const Node::Edge& edge) {
      if (edge.leaf && pending_[edge.leaf.get()]++ == 0) leaves_.push_back(edge.leaf);
      if (edge.node && seen.insert(edge.node.get()).second) open.push_back(edge.node.get());
    };
    visit(root);
    while (!open.empty()) {
      const Node& node = *open.back();
      open.pop_back();
      for (const Node::Edge& edge : node.edges) visit(edge);
    }
  }
  /// One edge has brought what it will, perhaps nothing.
  void passed(const Node::Edge& edge) {
    if (!leaves_.empty() && edge.leaf && --pending_[edge.leaf.get()] == 0) Observers::leaf_ready(Tensor(edge.leaf));
  }
  /// The walk is over: leaves behind nodes that no gradient reached, and a root that is a leaf.
  void finish() {
    for (const auto& leaf : leaves_)
      if (pending_[leaf.get()] > 0) Observers::leaf_ready(Tensor(leaf));
  }

 private:
  std::vector<std::shared_ptr<Tensor::Impl>> leaves_;  // in the order they were found
  std::map<const Tensor::Impl*, int> pending_;
};

}  // namespace

Node::Node() : sequence(next_sequence()) {}

Node::~Node() {
  // Take over the edges of every node that dies with this one, so that destruction is a loop. Captured inputs hold nodes too.
  static thread_local std::vector<std::shared_ptr<Node>>* graveyard = nullptr;
  std::vector<std::shared_ptr<Node>> mine;
  const bool outermost = graveyard == nullptr;
  if (outermost) graveyard = &mine;
  for (Edge& e : edges)
    if (e.node) graveyard->push_back(std::move(e.node));
  backward = nullptr;
  if (!outermost) return;
  while (!mine.empty()) {
    std::shared_ptr<Node> last = std::move(mine.back());
    mine.pop_back();
    last.reset();
  }
  graveyard = nullptr;
}

bool grad_enabled() { return recording; }

bool needs_record(std::span<const Tensor> inputs) {
  if (!recording) return false;
  for (const Tensor& t : inputs)
    if (t.requires_grad()) return true;
  return false;
}

bool leads_to(const Tensor& y, const Tensor& x) {
  if (y.impl() == x.impl()) return true;
  const Node* const goal = x.impl()->node.get();
  std::set<const Node*> seen;
  std::vector<const Node*> open;
  const auto visit = [&](const Node* node) {  // what is older than x does not lead there
    if (node && (!goal || node->sequence >= goal->sequence) && seen.insert(node).second) open.push_back(node);
  };
  visit(y.impl()->node.get());
  while (!open.empty()) {
    const Node& node = *open.back();
    open.pop_back();
    if (&node == goal) return true;
    for (const Node::Edge& edge : node.edges) {
      if (edge.leaf && edge.leaf == x.impl()) return true;
      visit(edge.node.get());
    }
  }
  return false;
}

void attach(const char* name, std::span<const Tensor> inputs, const Tensor& output, std::unique_ptr<Rule> backward,
            const std::initializer_list<Tensor>* reads) {
  require(inputs.size() <= 64, name, ": an op has at most 64 inputs, got ", inputs.size());
  auto node = std::make_shared<Node>();
  node->name = name;
  node->backward = std::move(backward);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Node::Edge edge;
    if (inputs[i].requires_grad()) {
      node->needs.set(i);
      edge.shape = inputs[i].shape();
      edge.options = inputs[i].options();
      if (inputs[i].impl()->node)
        edge.node = inputs[i].impl()->node;
      else
        edge.leaf = inputs[i].impl();
    }
    node->edges.push_back(std::move(edge));
  }
  const auto read = [&](const Tensor& t) {
    if (!t) return;
    const auto input = std::find_if(inputs.begin(), inputs.end(), [&](const Tensor& in) { return in.impl() == t.impl(); });
    node->reads.push_back({t.impl(), t.storage().version(), input == inputs.end() ? -1 : static_cast<int>(input - inputs.begin())});
  };
  for (const Tensor& t : reads ? as_span(*reads) : inputs) read(t);
  if (!reads) read(output);
  output.impl()->requires_grad = true;
  output.impl()->node = std::move(node);
}

namespace {

/// Throws GraphError when a tensor that the backward reads is not as the forward left it.
void check_reads(const Node& node) {
  for (const Node::Read& read : node.reads)
    if (const auto impl = read.tensor.lock()) {
      const Tensor t(impl);
      require<GraphError>(
          !t.storage().written_since(read.version, detail::byte_rows(t)), node.name, ": its backward needs ",
          read.input < 0 ? std::string("a tensor that it saved") : message("input ", read.input), ", of shape ", t.shape(),
          ", as it was in the forward, but it was written or moved since (by an optimizer's step, fill, copy_from, to or as "
          "`into`); call backward before that, or compute with a clone");
    }
}

/// Throws ShapeError or DeviceError when gradient `i` that a rule returned does not fit the input.
void check_gradient(const Node& node, std::size_t i, const Tensor& g) {
  const Node::Edge& edge = node.edges[i];
  const auto& [dtype, device] = edge.options;
  require(g.shape() == edge.shape, node.name, ": the gradient of input ", i, " has shape ", g.shape(), ", but the input ", edge.shape);
  require<DeviceError>(g.device() == device && (g.dtype() == dtype || g.dtype() == precise(dtype)), node.name, ": the gradient of input ",
                       i, " of shape ", edge.shape, " is ", name_of(g.dtype()), " on ", g.device(), ", but the input ", name_of(dtype),
                       " on ", device);
  require<GraphError>(!edge.leaf || (edge.leaf->device == device && edge.leaf->dtype == dtype), node.name, ": input ", i, " of shape ",
                      edge.shape, " was moved or converted between forward and backward");
}

}  // namespace

}  // namespace autograd

NoGrad::NoGrad() : previous_(std::exchange(autograd::recording, false)) {}
NoGrad::~NoGrad() { autograd::recording = previous_; }

void Tensor::backward(const Tensor& cotangent, bool retain_graph) const {
  using namespace autograd;
  require(requires_grad(), "backward: this tensor of shape ", shape(), " does not require a gradient");
  if (cotangent) {
    require(cotangent.shape() == shape(), "backward: cotangent shape ", cotangent.shape(), ", tensor shape ", shape());
    require<DeviceError>(cotangent.device() == device() && cotangent.dtype() == dtype(), "backward: the cotangent is ",
                         name_of(cotangent.dtype()), " on ", cotangent.device(), ", the tensor ", name_of(dtype()), " on ", device());
  }
  require(cotangent || numel() == 1, "backward: a tensor of shape ", shape(), " needs a cotangent; only a single element does without");
  const NoGrad no_grad;
  const Observers::Pause no_forward_events;

  struct Pending {
    std::shared_ptr<Node> node;
    Accumulator grad;
  };
  // A node's consumers were all recorded after it, so walking the tape from the newest node on sees every gradient in time.
  std::map<std::uint64_t, Pending, std::greater<>> pending;
  auto deliver = [&](const Node::Edge& edge, Tensor g) {
    if (edge.node) {
      Pending& p = pending[edge.node->sequence];
      p.node = edge.node;
      p.grad.add(std::move(g));
    } else if (edge.leaf) {
      Accumulator sum;
      if (edge.leaf->grad) sum.add(Tensor(std::exchange(edge.leaf->grad, nullptr)));
      sum.add(std::move(g));
      Tensor total = sum.take();
      // A leaf's gradient outlives the walk: it must not alias a cotangent or a slice of another gradient.
      if (total.impl().use_count() > 1 || !total.storage().unique() || !total.contiguous()) total = total.clone();
      edge.leaf->grad = total.impl();
    }
  };
  const Node::Edge root{impl_->node, impl_->node ? nullptr : impl_};
  LeafCounts leaves(root);
  deliver(root, cotangent ? cotangent : full(shape(), 1, options()));
  while (!pending.empty()) {
    auto first = pending.begin();
    const std::shared_ptr<Node> node = std::move(first->second.node);
    Tensor dy = first->second.grad.take();
    pending.erase(first);
    require<GraphError>(static_cast<bool>(node->backward), "backward: the graph at op ", node->name,
                        " was freed by an earlier backward; pass retain_graph to the first call");
    check_reads(*node);
    Grads grads = (*node->backward)(dy, NeedsGrad(node->needs));
    dy = {};
    require(grads.size() == node->edges.size(), node->name, ": backward returned ", grads.size(), " gradients for ", node->edges.size(),
            " inputs");
    if (!retain_graph) node->backward = nullptr;
    Observers::backward({node->name, node->sequence, grads});
    for (std::size_t i = 0; i < grads.size(); ++i) {
      if (!node->needs[i]) continue;
      if (grads[i]) {
        check_gradient(*node, i, grads[i]);
        deliver(node->edges[i], std::exchange(grads[i], Tensor{}));
      }
      leaves.passed(node->edges[i]);
    }
  }
  leaves.finish();
}

}  // namespace lamina
