import ArgumentParser
import DiffusionModels
import Tensor

extension ParsableArguments {
    /// Warns on standard error if memory will be scarce. Throws `ValidationError` if the operation cannot fit, unless `isIgnored`.
    public func checkMemory(_ bytes: Int, of work: String, isIgnored: Bool) throws {
        do {
            if let warning = try GrantedMemory.current.check(holding: bytes, of: work) {
                StandardError.write(line: "warning: \(warning)")
            }
        } catch let shortage as MemoryShortage {
            guard isIgnored else { throw ValidationError("\(shortage) (start anyway with --ignore-memory)") }
            StandardError.write(line: "warning: \(shortage)")
        }
    }
}
