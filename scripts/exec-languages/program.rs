// Runs under `iommuctl exec`: threads with duplicates of the context, reads that fail, and a child that has it as its stdin.
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::thread;

extern "C" {
    fn ioctl(fd: i32, request: u64, ...) -> i32;
}

fn ioas(fd: i32) -> u32 {
    let mut arg = [12u32, 0, 0];
    assert_eq!(unsafe { ioctl(fd, 0x3b81, arg.as_mut_ptr()) }, 0);
    arg[2]
}

fn main() {
    if std::env::args().len() > 1 {
        println!("as stdin: {}", ioas(0));
        return;
    }
    let file = OpenOptions::new().read(true).write(true).open("/dev/iommu").unwrap();
    let threads: Vec<_> = (0..8)
        .map(|_| file.try_clone().unwrap())
        .map(|copy: File| thread::spawn(move || ioas(copy.as_raw_fd())))
        .collect();
    let mut ids: Vec<u32> = threads.into_iter().map(|each| each.join().unwrap()).collect();
    ids.sort();
    let read = file.try_clone().unwrap().read(&mut [0u8; 4]).map_err(|error| error.raw_os_error());
    println!("{ids:?} {read:?}");
    assert!(Command::new("/proc/self/exe").arg("child").stdin(file).status().unwrap().success());
}
