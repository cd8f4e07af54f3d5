import ArgumentParser
import DiffusionModels
import Tensor

extension ParsableArguments {
    /// Says on standard error when memory will be scarce. Throws `ValidationError` when a work surely will not fit, unless that is ignored.
    public func checkMemory(_ bytes: Int, of work: String, isIgnored: Bool) throws {
        do {
            if let warning = try GrantedMemory.current.check(holding: bytes, of: work) {
                StandardError.write(line: "warning: \(warning)")
            }
        } catch let shortage as MemoryShortage {
            guard isIgnored else { throw ValidationError("\(shortage) (--ignore-memory begins all the same)") }
            StandardError.write(line: "warning: \(shortage)")
        }
    }
}
