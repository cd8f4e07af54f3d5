import Foundation

/// The functions of BLAS and LAPACK that the library calls, from OpenBLAS or Apple's Accelerate.
///
/// They are looked up when something first needs them, and not linked: OpenBLAS is large and starts its threads as soon as it is
/// loaded, and a program that does not use it needs neither the time nor the package.
package struct BLAS: Sendable {
    package typealias Sgemm =
        @convention(c) @Sendable (
            _ order: Int32, _ transposesA: Int32, _ transposesB: Int32, _ m: Int32, _ n: Int32, _ k: Int32,
            _ alpha: Float, _ a: UnsafePointer<Float>, _ aStride: Int32, _ b: UnsafePointer<Float>, _ bStride: Int32,
            _ beta: Float, _ c: UnsafeMutablePointer<Float>, _ cStride: Int32
        ) -> Void
    typealias Dgemm =
        @convention(c) @Sendable (
            _ order: Int32, _ transposesA: Int32, _ transposesB: Int32, _ m: Int32, _ n: Int32, _ k: Int32,
            _ alpha: Double, _ a: UnsafePointer<Double>?, _ aStride: Int32, _ b: UnsafePointer<Double>?,
            _ bStride: Int32, _ beta: Double, _ c: UnsafeMutablePointer<Double>?, _ cStride: Int32
        ) -> Void
    typealias Dsyrk =
        @convention(c) @Sendable (
            _ order: Int32, _ triangle: Int32, _ transposes: Int32, _ n: Int32, _ k: Int32, _ alpha: Double,
            _ a: UnsafePointer<Double>?, _ aStride: Int32, _ beta: Double, _ c: UnsafeMutablePointer<Double>?,
            _ cStride: Int32
        ) -> Void
    // LAPACK is Fortran: arguments are passed by address, matrices lie column by column, and the lengths of strings follow at the end.
    typealias Dsyevd =
        @convention(c) @Sendable (
            _ job: UnsafePointer<CChar>, _ triangle: UnsafePointer<CChar>, _ n: UnsafePointer<Int32>,
            _ a: UnsafeMutablePointer<Double>?, _ aStride: UnsafePointer<Int32>,
            _ values: UnsafeMutablePointer<Double>?, _ work: UnsafeMutablePointer<Double>,
            _ workCount: UnsafePointer<Int32>, _ integers: UnsafeMutablePointer<Int32>,
            _ integerCount: UnsafePointer<Int32>, _ status: UnsafeMutablePointer<Int32>, _ jobLength: Int,
            _ triangleLength: Int
        ) -> Void
    typealias Dgelsd =
        @convention(c) @Sendable (
            _ m: UnsafePointer<Int32>, _ n: UnsafePointer<Int32>, _ rightSides: UnsafePointer<Int32>,
            _ a: UnsafeMutablePointer<Double>?, _ aStride: UnsafePointer<Int32>, _ b: UnsafeMutablePointer<Double>?,
            _ bStride: UnsafePointer<Int32>, _ singularValues: UnsafeMutablePointer<Double>?,
            _ threshold: UnsafePointer<Double>, _ rank: UnsafeMutablePointer<Int32>,
            _ work: UnsafeMutablePointer<Double>, _ workCount: UnsafePointer<Int32>,
            _ integers: UnsafeMutablePointer<Int32>, _ status: UnsafeMutablePointer<Int32>
        ) -> Void

    // CBLAS' constants.
    static let rowMajor: Int32 = 101
    static func transposed(_ isTransposed: Bool) -> Int32 { isTransposed ? 112 : 111 }
    static let upper: Int32 = 121

    let sgemm: Sgemm
    let dgemm: Dgemm
    let dsyrk: Dsyrk
    let dsyevd: Dsyevd
    let dgelsd: Dgelsd
    private let setThreadCount: (@convention(c) @Sendable (Int32) -> Void)?

    #if os(macOS)
        private static let names = ["/System/Library/Frameworks/Accelerate.framework/Accelerate"]
    #else
        private static let names = ["libopenblas.so.0", "libopenblas.so"]
    #endif

    private static let opened = Result { () throws(LinearAlgebraError) in try BLAS(names) }
    private static let threadCount = Lock(0)

    /// The functions, with as many threads as ``ThreadPool/threadCount``. Throws ``LinearAlgebraError`` if no library has them.
    package static func shared() throws -> BLAS {
        let blas = try opened.get()
        blas.followThreadCount()
        return blas
    }

    /// Uses as many threads as ``ThreadPool/threadCount`` is now.
    func followThreadCount() {
        Self.threadCount.withLock { count in
            guard count != ThreadPool.threadCount else { return }
            count = ThreadPool.threadCount
            setThreadCount?(Int32(count))
        }
    }

    /// Opens the first of the libraries that exists.
    package init(_ names: [String]) throws(LinearAlgebraError) {
        var reason = ""
        func message() -> String { dlerror().map { String(cString: $0) } ?? "unknown error" }
        for name in names {
            guard let library = dlopen(name, RTLD_NOW | RTLD_LOCAL) else {
                if reason.isEmpty { reason = message() }
                continue
            }
            func function<Function>(_ symbol: String, as type: Function.Type) throws(LinearAlgebraError) -> Function {
                guard let address = dlsym(library, symbol) else {
                    throw .libraryMissing(names: names, reason: message())
                }
                return unsafeBitCast(address, to: type)
            }
            sgemm = try function("cblas_sgemm", as: Sgemm.self)
            dgemm = try function("cblas_dgemm", as: Dgemm.self)
            dsyrk = try function("cblas_dsyrk", as: Dsyrk.self)
            dsyevd = try function("dsyevd_", as: Dsyevd.self)
            dgelsd = try function("dgelsd_", as: Dgelsd.self)
            setThreadCount = dlsym(library, "openblas_set_num_threads").map {
                unsafeBitCast($0, to: (@convention(c) @Sendable (Int32) -> Void).self)
            }
            return
        }
        throw .libraryMissing(names: names, reason: reason)
    }
}
