#if LIBFUZZER
    import Foundation

    /// libFuzzer's main function, without a `main` of its own (llvm's `FuzzerInterface.h`).
    @_silgen_name("LLVMFuzzerRunDriver")
    private func runDriver(
        _ count: UnsafeMutablePointer<CInt>,
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
        _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
    ) -> CInt

    /// The body that libFuzzer's own `main` would run, which the linker looks for although that `main` is not used.
    @_cdecl("LLVMFuzzerTestOneInput")
    func runNothing(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt { 0 }

    /// libFuzzer's own mutations, which follow what it learned of the reader's comparisons.
    @_silgen_name("LLVMFuzzerMutate")
    private func mutateByCoverage(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ limit: Int) -> Int

    /// Runs a reader under libFuzzer, which looks for inputs that reach new code.
    enum LibFuzzing {
        nonisolated(unsafe) fileprivate static var body: FuzzedReader.Body = { _ in }
        nonisolated(unsafe) fileprivate static var mutator = Mutator(.bytes, seeds: [])
        nonisolated(unsafe) fileprivate static var others: [[UInt8]] = [[]]

        /// - Parameters:
        ///   - reader: what is run.
        ///   - arguments: libFuzzer's.
        static func run(_ reader: FuzzedReader, arguments: [String]) throws -> CInt {
            try FuzzedReader.withFolder { folder in
                body = try reader.prepare(folder)
                let seeds = try reader.seeds()
                mutator = Mutator(reader.format, seeds: seeds)
                others = seeds.map { [UInt8]($0) }
                let texts = ["SwiftBrushFuzzing"] + arguments
                var pointers: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
                pointers.append(nil)
                var count = CInt(texts.count)
                return pointers.withUnsafeMutableBufferPointer { pointers in
                    var base = pointers.baseAddress
                    return runDriver(&count, &base) { bytes, count in
                        try? LibFuzzing.body(bytes.map { Data(bytes: $0, count: count) } ?? Data())
                        return 0
                    }
                }
            }
        }
    }

    /// Every second mutation knows the format.
    @_cdecl("LLVMFuzzerCustomMutator")
    func mutateByFormat(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ limit: Int, _ seed: CUnsignedInt) -> Int {
        var random = FuzzingRandom(seed: UInt64(seed))
        guard random.once(in: 2) else { return mutateByCoverage(bytes, count, limit) }
        let input = Array(UnsafeBufferPointer(start: bytes, count: count))
        let other = LibFuzzing.others[random.below(LibFuzzing.others.count)]
        let result = LibFuzzing.mutator.mutated(input, with: other, using: &random).prefix(limit)
        bytes.update(from: Array(result), count: result.count)
        return result.count
    }
#endif
