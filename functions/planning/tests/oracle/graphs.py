"""Judges graphs and what planning answered about them with networkx.

Reads a JSON array of objects:
  nodes      ids of the tasks
  added      [from, to] of each edge that was added, in order
  refused    [from, to, n] of each edge that was refused after n edges were added
  closed     ids of the tasks that are done or cancelled
  answers    optional: by id {blocks, blockedBy, open, ready, openBlockers}
             (open: ids of readiness reasons, openBlockers: as the task shows it)

Prints the number of graphs, or the first fault.
"""

import json
import sys

import networkx


def check(number, graph):
    nodes, added = graph["nodes"], [tuple(edge) for edge in graph["added"]]

    def must(holds, *what):
        if not holds:
            sys.exit(f"graph {number}: {' '.join(str(part) for part in what)}\n{json.dumps(graph)}")

    whole = networkx.DiGraph()
    whole.add_nodes_from(nodes)
    whole.add_edges_from(added)
    must(networkx.is_directed_acyclic_graph(whole), "has a cycle")
    for start, end, count in graph["refused"]:
        so_far = networkx.DiGraph(added[:count])
        so_far.add_nodes_from(nodes)
        must(networkx.has_path(so_far, end, start), start, "->", end, "closes no cycle")

    closed = set(graph["closed"])
    for node, answer in graph.get("answers", {}).items():
        blockers = set(whole.predecessors(node))
        open_blockers = blockers - closed
        must(sorted(answer["blocks"]) == sorted(whole.successors(node)), node, "blocks")
        must(sorted(answer["blockedBy"]) == sorted(blockers), node, "blocked by")
        must(sorted(answer["open"]) == sorted(open_blockers), node, "readiness")
        must(answer["ready"] == (not open_blockers), node, "ready")
        must(answer["openBlockers"] == len(open_blockers), node, "openBlockers")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        graphs = json.load(file)
    for number, graph in enumerate(graphs):
        check(number, graph)
    print(len(graphs), "graphs")


if __name__ == "__main__":
    main()
