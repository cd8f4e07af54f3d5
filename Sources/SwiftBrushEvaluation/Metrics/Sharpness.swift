import DiffusionModels

/// The sharpness of a picture: the mean square of the Laplacian of its luma, a usual measure of focus. Blur lowers it, noise raises it.
///
/// The luma is that of BT.601 in 0…1; the Laplacian is the sum of the four neighbours minus four times the pixel, without the border.
public func sharpness(of picture: Picture) -> Double {
    let (width, height) = (picture.width, picture.height)
    guard width > 2, height > 2 else { return 0 }
    let luma: [Double] = (0..<width * height).map { index in
        let pixel = picture.pixels[3 * index..<3 * index + 3].map(Double.init)
        return (0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]) / 255
    }
    var sum = 0.0
    for row in 1..<height - 1 {
        for index in row * width + 1..<(row + 1) * width - 1 {
            let across: Double = luma[index - 1] + luma[index + 1]
            let down: Double = luma[index - width] + luma[index + width]
            let laplacian: Double = across + down - 4 * luma[index]
            sum += laplacian * laplacian
        }
    }
    return sum / Double((width - 2) * (height - 2))
}
