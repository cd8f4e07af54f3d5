#if LIBFUZZER
    import Foundation

    /// libFuzzer's driver, for programs with their own `main` (llvm's `FuzzerInterface.h`).
    @_silgen_name("LLVMFuzzerRunDriver")
    private func runDriver(
        _ count: UnsafeMutablePointer<CInt>,
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
        _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
    ) -> CInt

    /// The entry point that libFuzzer's own `main` would run; the linker needs it although that `main` is not used.
    @_cdecl("LLVMFuzzerTestOneInput")
    func runNothing(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt { 0 }

    /// libFuzzer's own mutations, guided by the comparisons that it observed in the reader.
    @_silgen_name("LLVMFuzzerMutate")
    private func mutateByCoverage(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ limit: Int) -> Int

    /// Runs a reader under libFuzzer, which searches for inputs that reach new code.
    enum LibFuzzing {
        nonisolated(unsafe) fileprivate static var body: FuzzedReader.Body = { _ in }
        nonisolated(unsafe) fileprivate static var mutator = Mutator(.bytes, seeds: [])
        nonisolated(unsafe) fileprivate static var others: [[UInt8]] = [[]]

        /// - Parameters:
        ///   - reader: the reader to run.
        ///   - arguments: libFuzzer's options.
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

    /// Applies a format-aware mutation half of the time, else one of libFuzzer's.
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
