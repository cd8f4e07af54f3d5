import CTensorKernels

extension tensor_winograd_map {
    /// The geometry of a convolution between feature maps of the given shapes.
    init(source: [Int], target: [Int], padding: (top: Int, left: Int), upsampling: Int, paired: Bool) {
        self.init(
            source_height: source[1], source_width: source[2], channels: source[3], target_height: target[1],
            target_width: target[2], target_channels: target[3], padding_top: padding.top, padding_left: padding.left,
            upsampling: upsampling, tile_rows: (target[1] + 3) / 4, tile_columns: (target[2] + 3) / 4, paired: paired)
    }

    /// The indices of the planes that are used, out of ``WinogradProduct/planeCount``.
    var planes: [Int] {
        let all = 0..<WinogradProduct.planeCount
        return paired ? all.filter { $0 / 6 != 2 && $0 % 6 != 2 } : Array(all)
    }
}

extension ConvolutionGeometry {
    /// Whether Winograd's convolution supports the kernel, stride and channels, and the settings allow it: on matrix tiles the direct sum is
    /// faster and more exact.
    var fitsWinograd: Bool {
        !MatrixProduct.current.table.beats_winograd && ConvolutionAlgorithm.current == .fastest && kernelHeight == 3
            && kernelWidth == 3 && stride == 1
            && min(inputs, outputs) >= 16
    }

    /// Whether each tile's second and third rows are equal, its fourth and fifth too, and likewise its columns.
    var readsPairs: Bool { upsampling == 2 && padding.top % 2 == 1 && padding.left % 2 == 1 }
}
