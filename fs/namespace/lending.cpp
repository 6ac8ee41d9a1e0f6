#include "namespace/lending.h"

namespace artfs {

std::set<LentFile> Lending::arriving_at(Pipe pipe) const {
    std::set<LentFile> files;
    std::set<Pipe> seen;
    std::vector<Pipe> todo{pipe};
    while (!todo.empty()) {
        Pipe at = todo.back();
        todo.pop_back();
        if (!seen.insert(at).second) continue;
        for (const auto& [process, observer] : observers_)
            if (observer.output == at) files.insert(observer.files.begin(), observer.files.end());
        if (auto from = flows_.find(at); from != flows_.end())
            todo.insert(todo.end(), from->second.begin(), from->second.end());
    }
    return files;
}

Lending::Claims Lending::fresh() {
    Claims claims;
    for (const auto& [pipe, run] : readers_)
        for (const auto& file : arriving_at(pipe))
            if (claimed_.emplace(run, file).second) claims.emplace_back(run, file);
    return claims;
}

Lending::Claims Lending::opened(const ProcessKey& observer, pid_t parent, Pipe output,
                                const LentFile& file) {
    auto& known = observers_[observer];
    known.parent = parent;
    known.output = output;
    if (!known.files.insert(file).second || output == 0) return {};
    return fresh();
}

Lending::Claims Lending::passes(Pipe input, Pipe output) {
    if (readers_.contains(input) || !flows_[output].insert(input).second) return {};
    return fresh();
}

Lending::Claims Lending::reads(const RunId& run, Pipe input) {
    readers_.insert_or_assign(input, run);
    for (auto& [to, from] : flows_) from.erase(input);
    return fresh();
}

Lending::Pipe Lending::input_of(const ProcessKey& process) const {
    auto found = inputs_.find(process);
    return found == inputs_.end() ? 0 : found->second;
}

bool Lending::knows_reader(const RunId& run, Pipe input) const {
    auto found = readers_.find(input);
    return found != readers_.end() && found->second == run;
}

std::set<LentFile> Lending::opened_by(const ProcessKey& observer) const {
    auto found = observers_.find(observer);
    return found == observers_.end() ? std::set<LentFile>{} : found->second.files;
}

void Lending::run_ended(const RunId& run) {
    std::erase_if(readers_, [&](const auto& entry) { return entry.second == run; });
    std::erase_if(claimed_, [&](const auto& claim) { return claim.first == run; });
}

}  // namespace artfs
